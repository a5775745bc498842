import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score
from sklearn.model_selection import train_test_split

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
model = LogisticRegression(max_iter=200).fit(X_train, y_train)
predicted = model.predict(X_test)
print(f"accuracy: {accuracy_score(y_test, predicted):.1%}")

ConfusionMatrixDisplay.from_predictions(y_test, predicted, cmap="Blues", colorbar=False)
plt.title("Handwritten digits")
plt.show()
