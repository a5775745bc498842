import matplotlib.pyplot as plt
import numpy as np

quarters = ["Q1", "Q2", "Q3", "Q4"]
sales = {"North": [20, 34, 30, 35], "South": [25, 32, 34, 20], "West": [12, 15, 22, 27]}
x = np.arange(len(quarters))

fig, ((vertical, horizontal), (grouped, stacked)) = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")

bars = vertical.bar(quarters, sales["North"], color="teal")
vertical.bar_label(bars)
vertical.set_title("Vertical")

horizontal.barh(quarters, sales["South"], xerr=[2, 3, 2, 1], capsize=4, color="orange")
horizontal.invert_yaxis()
horizontal.set_title("Horizontal, with error bars")

for position, (region, values) in enumerate(sales.items()):
    grouped.bar(x + (position - 1) * 0.27, values, 0.27, label=region)
grouped.set_xticks(x, quarters)
grouped.legend()
grouped.set_title("Grouped")

bottom = np.zeros(len(quarters))
for region, values in sales.items():
    stacked.bar(quarters, values, bottom=bottom, label=region)
    bottom += values
stacked.set_title("Stacked")

fig.suptitle("Sales per region (k€)")
plt.show()
