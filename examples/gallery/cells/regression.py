import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

rng = np.random.default_rng(2)
x = np.sort(rng.uniform(-3, 3, 80))
y = 0.5 * x**3 - 2 * x + rng.normal(0, 1.5, 80)

grid = np.linspace(-3, 3, 200)
plt.figure(figsize=(7, 4.5))
plt.scatter(x, y, s=18, color="0.5", label="data")
for degree in (1, 3, 9):
    model = make_pipeline(PolynomialFeatures(degree), LinearRegression()).fit(x[:, None], y)
    plt.plot(grid, model.predict(grid[:, None]), label=f"degree {degree}, $R^2$ = {model.score(x[:, None], y):.2f}")
plt.legend()
plt.title("Polynomial regression")
plt.show()
model
