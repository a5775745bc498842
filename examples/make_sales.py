"""Write sales.csv: two years of a coffee wholesaler's orders, invented, the same at every run.

python examples/make_sales.py
"""

import csv
import datetime
import math
import random
from pathlib import Path

SEED = 20260101
FIRST_DAY = datetime.date(2024, 1, 1)
DAYS = 731  # 2024 was a leap year
ORDERS = 5600

REGIONS = {"North": 0.32, "South": 0.27, "East": 0.18, "West": 0.23}
CHANNELS = {"shop": 0.45, "online": 0.40, "partner": 0.15}
# name: (share of orders, price, usual units, growth over the two years, share of it that is seasonal)
PRODUCTS = {
    "Beans 1 kg": (0.34, 18.90, 14, 0.25, 0.15),
    "Ground 500 g": (0.24, 10.50, 16, 0.05, 0.15),
    "Pods 100": (0.20, 31.00, 9, 0.60, 0.05),
    "Grinder": (0.12, 129.00, 2, 0.10, 0.35),
    "Espresso machine": (0.10, 449.00, 1, -0.10, 0.45),
}


def main() -> None:
    """Write the file next to this one."""
    chance = random.Random(SEED)
    orders = [(number, *row) for number, row in enumerate(sorted(order(chance) for _ in range(ORDERS)), 1001)]
    orders += chance.sample(orders, 25)  # entered twice, as happens
    orders.sort()
    with Path(__file__).with_name("sales.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["order", "date", "region", "product", "channel", "units", "unit_price"])
        writer.writerows(orders)


def order(chance: random.Random) -> tuple[str, ...]:
    """One row, but for its number."""
    product = pick(chance, {name: facts[0] for name, facts in PRODUCTS.items()})
    _, price, units, growth, seasonal = PRODUCTS[product]
    day = chance.randrange(DAYS)
    season = 1 + seasonal * math.cos(2 * math.pi * (day - 345) / 365.25)  # highest before the holidays
    wanted = units * season * (1 + growth * day / DAYS) * chance.lognormvariate(0, 0.45)
    paid = price * (1.04 if day >= 366 else 1.0) * chance.choice([1, 1, 1, 0.95, 0.9])
    return (
        (FIRST_DAY + datetime.timedelta(days=day)).isoformat(),
        pick(chance, REGIONS),
        product,
        pick(chance, CHANNELS),
        str(max(1, round(wanted)) * (-1 if chance.random() < 0.012 else 1)),  # negative: sent back
        "" if chance.random() < 0.006 else f"{paid:.2f}",
    )


def pick(chance: random.Random, shares: dict[str, float]) -> str:
    """A key, as often as its share says."""
    return chance.choices(list(shares), weights=list(shares.values()))[0]


if __name__ == "__main__":
    main()
