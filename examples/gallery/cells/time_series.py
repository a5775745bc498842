import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

rng = np.random.default_rng(1)
days = pd.date_range("2025-01-01", "2025-12-31", freq="D")
season = 12 + 9 * np.sin(2 * np.pi * (days.dayofyear - 110) / 365)
weather = pd.Series(season + rng.normal(0, 2.5, len(days)), index=days, name="temperature")

fig, ax = plt.subplots(figsize=(8, 3.5))
ax.plot(weather.index, weather, lw=0.7, color="0.6", label="daily")
monthly = weather.rolling("30D").mean()
ax.plot(monthly.index, monthly, color="crimson", lw=2, label="30-day mean")
ax.fill_between(monthly.index, monthly - 2.5, monthly + 2.5, color="crimson", alpha=0.15)
ax.set_title("Temperature in 2025")
ax.set_ylabel("temperature (°C)")
ax.legend(loc="upper left")
fig.autofmt_xdate()
