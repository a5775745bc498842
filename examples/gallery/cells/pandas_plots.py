import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

rng = np.random.default_rng(8)
frame = pd.DataFrame(
    rng.normal(0, 1, (250, 3)).cumsum(axis=0),
    columns=["gold", "silver", "copper"],
    index=pd.date_range("2025-01-01", periods=250, freq="D"),
)

fig, axes = plt.subplots(1, 2, figsize=(10, 4))
frame.plot(ax=axes[0], title="Prices")
frame.diff().plot.box(ax=axes[1], title="Daily changes")
plt.tight_layout()
plt.show()

pd.plotting.scatter_matrix(frame, figsize=(6, 6), diagonal="kde", alpha=0.4)
plt.show()
