import pandas as pd

scores = pd.DataFrame(
    {"model": ["small", "medium", "large"], "accuracy": [0.812, 0.874, 0.901], "seconds": [0.9, 2.4, 7.75]}
)
(
    scores.style.format({"accuracy": "{:.1%}", "seconds": "{:.2f}"})
    .background_gradient(subset=["accuracy"], cmap="Greens")
    .bar(subset=["seconds"], color="#f9c74f")
    .highlight_max(subset=["accuracy"], props="font-weight:bold")
    .hide(axis="index")
    .set_caption("Three models")
)
