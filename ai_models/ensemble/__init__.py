"""From a feature matrix to calibrated probabilities, prediction sets and an out-of-distribution score.

`scaler` brings blocks to one scale, `members` are the classifiers, `combination` finds their weights and temperature,
`voting` is the fitted vote, `outliers` scores what is unusual, `conformal` turns out-of-fold scores into p-values and
sets. Nothing here sees an image.
"""
