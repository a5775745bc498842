# packages: plotly==6.*
import pandas as pd
import plotly.express as px

cities = pd.DataFrame(
    {
        "city": ["Oslo", "Lima", "Rome", "Bern"],
        "people": [0.7, 10.2, 2.8, 0.1],
        "country": ["NO", "PE", "IT", "CH"],
    }
)
px.bar(cities, x="city", y="people", color="country", title="Population (millions)")
