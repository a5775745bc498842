import matplotlib.pyplot as plt

shares = {"Python": 45, "JavaScript": 25, "Rust": 15, "Go": 10, "Other": 5}
fig, ax = plt.subplots()
ax.pie(
    list(shares.values()),
    labels=list(shares),
    autopct="%1.0f%%",
    explode=[0.08, 0, 0, 0, 0],
    shadow=True,
    startangle=90,
)
ax.set_title("Favourite languages")
fig
