import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

rng = np.random.default_rng(5)
kinds = {"setosa": (5.0, 3.4, 1.5), "versicolor": (5.9, 2.8, 4.3), "virginica": (6.6, 3.0, 5.5)}
flowers = pd.concat(
    pd.DataFrame(
        rng.normal(mean, (0.4, 0.35, 0.4), (40, 3)), columns=["sepal length", "sepal width", "petal length"]
    ).assign(kind=kind)
    for kind, mean in kinds.items()
)
sns.set_theme(style="ticks")
sns.pairplot(flowers, hue="kind", height=2)
plt.show()
