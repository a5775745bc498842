import numpy as np
import pandas as pd

rng = np.random.default_rng(9)
index = pd.MultiIndex.from_product([[2024, 2025], ["spring", "autumn"]], names=["year", "season"])
columns = pd.MultiIndex.from_product([["wheat", "barley"], ["yield (t/ha)", "area (ha)"]])
harvest = pd.DataFrame(rng.uniform(2, 9, (4, 4)).round(2), index=index, columns=columns)
harvest.loc[(2025, "autumn"), ("barley", "area (ha)")] = np.nan
harvest
