import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

rng = np.random.default_rng(6)
tips = pd.DataFrame(
    {
        "day": rng.choice(["Thu", "Fri", "Sat", "Sun"], 240),
        "bill": rng.gamma(5, 4, 240),
        "smoker": rng.choice(["yes", "no"], 240),
    }
)
tips["tip"] = tips.bill * rng.uniform(0.08, 0.25, 240)

with sns.axes_style("whitegrid"):
    fig, axes = plt.subplots(1, 3, figsize=(13, 4))
sns.violinplot(tips, x="day", y="bill", hue="smoker", split=True, order=["Thu", "Fri", "Sat", "Sun"], ax=axes[0])
sns.regplot(tips, x="bill", y="tip", scatter_kws={"s": 12}, ax=axes[1])
sns.heatmap(tips[["bill", "tip"]].corr(), annot=True, cmap="vlag", vmin=-1, vmax=1, square=True, ax=axes[2])
fig.tight_layout()
plt.show()
