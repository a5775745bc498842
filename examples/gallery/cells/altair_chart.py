# packages: altair==6.*
import altair as alt
import pandas as pd

readings = pd.DataFrame(
    {"day": pd.date_range("2025-06-01", periods=14), "level": [3, 4, 6, 5, 7, 9, 8, 8, 6, 7, 9, 11, 10, 9]}
)
alt.Chart(readings).mark_area(opacity=0.5, line=True).encode(x="day:T", y="level:Q").properties(title="River level")
