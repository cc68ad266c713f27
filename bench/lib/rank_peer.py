#!/usr/bin/python3
"""The peer of bench/rank.py, as one writes it in a notebook: rank_peer.py DATA.csv RESPONSE."""
import sys

import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_selection import RFECV
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

table = pd.read_csv(sys.argv[1]).drop(columns=["connections", "mean_latency_ms"])
y = table.pop(sys.argv[2]).to_numpy()
x_train, x_test, y_train, y_test = train_test_split(table.to_numpy(), y, test_size=.2, random_state=1)
scaler = StandardScaler()
x_train, x_test = scaler.fit_transform(x_train), scaler.transform(x_test)
selector = RFECV(LinearRegression()).fit(x_train, y_train)
y_linear = selector.predict(x_test)
forest = RandomForestRegressor(random_state=1).fit(x_train, y_train)
y_forest = forest.predict(x_test)
drops = permutation_importance(forest, x_test, y_test, n_repeats=10, random_state=1)
for j, name in enumerate(table.columns):
    print(name, selector.ranking_[j], forest.feature_importances_[j], drops.importances_mean[j])
for guess in (y_linear, y_forest):
    print(r2_score(y_test, guess), mean_squared_error(y_test, guess))
