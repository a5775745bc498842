"""A report on sales.csv: clean, group, fit a trend, print tables, write report.csv, report.md and revenue.png.

wasm-interp run examples/sales_report.py --file examples/sales.csv --output out
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

MONTHS_AHEAD = 3
COLUMNS = ("", ",.2f", ",.0f", ".0f", "+.1f")  # of the table by product, in report.md


def read_orders(path):
    """The orders, cleaned, and a line that says what was dropped."""
    orders = pd.read_csv(path, parse_dates=["date"])
    rows = len(orders)
    orders = orders.drop_duplicates()
    doubles = rows - len(orders)
    unpriced = int(orders["unit_price"].isna().sum())
    orders = orders.dropna(subset=["unit_price"])
    orders["revenue"] = orders["units"] * orders["unit_price"]
    orders["month"] = orders["date"].dt.to_period("M")
    return orders, f"{rows} rows read; dropped: {doubles} entered twice, {unpriced} without a price"


def by_product(orders):
    """Revenue, units, returns and growth of each product."""
    table = orders.groupby("product").agg(
        revenue=("revenue", "sum"),
        units=("units", "sum"),
        returns=("units", lambda units: int((units < 0).sum())),
    )
    yearly = orders.pivot_table(index="product", columns=orders["date"].dt.year, values="revenue", aggfunc="sum")
    first, last = yearly.columns.min(), yearly.columns.max()
    table["growth_percent"] = (100 * (yearly[last] / yearly[first] - 1)).round(1)
    return table.sort_values("revenue", ascending=False).round({"revenue": 2})


def by_month(orders):
    """Revenue of each month and region, with the total."""
    table = orders.pivot_table(index="month", columns="region", values="revenue", aggfunc="sum")
    table["Total"] = table.sum(axis=1)
    return table.round(2)


def features(months):
    """A trend, and a yearly wave: what the model sees of a month's number."""
    angle = 2 * np.pi * months / 12
    return np.column_stack([months, np.sin(angle), np.cos(angle)])


def fit(monthly):
    """The model of the monthly total, how well it fits, and its forecast."""
    months = np.arange(len(monthly))
    model = LinearRegression().fit(features(months), monthly["Total"])
    ahead = np.arange(len(monthly), len(monthly) + MONTHS_AHEAD)
    forecast = pd.Series(
        model.predict(features(ahead)).round(2),
        index=pd.period_range(monthly.index[-1] + 1, periods=MONTHS_AHEAD, freq="M"),
        name="revenue",
    )
    return model, model.score(features(months), monthly["Total"]), forecast


def draw(monthly, model, path):
    """Monthly revenue by region, and the fitted line."""
    labels = monthly.index.astype(str)
    figure, axes = plt.subplots(figsize=(9, 4))
    axes.stackplot(labels, monthly.drop(columns="Total").T, labels=monthly.columns[:-1], alpha=0.7)
    axes.plot(labels, model.predict(features(np.arange(len(monthly)))), color="black", label="fit")
    axes.set(title="Monthly revenue by region", ylabel="revenue")
    axes.set_ylim(0, 1.2 * monthly["Total"].max())  # room for the legend
    axes.tick_params(axis="x", rotation=90)
    axes.legend(loc="upper left", ncols=5, fontsize=8)
    figure.savefig(path, bbox_inches="tight")
    plt.close(figure)


orders, note = read_orders("sales.csv")
products = by_product(orders)
monthly = by_month(orders)
model, score, forecast = fit(monthly)
trend = f"trend: {model.coef_[0]:+,.0f} a month with a yearly wave (R² {score:.2f})"

print(note)
print("\nBy product\n", products.to_string(), sep="")
print("\nLast months, by region\n", monthly.tail(6).to_string(), sep="")
print(f"\n{trend}; forecast:\n{forecast.to_frame().to_string()}")

monthly.to_csv("report.csv")
draw(monthly, model, "revenue.png")
with open("report.md", "w") as file:
    file.write(f"# Sales\n\n{note}.\n\n## By product\n\n{products.to_markdown(floatfmt=COLUMNS)}\n\n")
    file.write(f"## By month\n\n{monthly.to_markdown(floatfmt='.2f')}\n\n![revenue](revenue.png)\n\n{trend}.\n")
