"""Grouped out-of-fold fitting, search and gates: where a model is fitted on some objects and scored on others.

`rows` says what may be fitted on and `copy_check` which copies a fold leaves out (`label_probes` are the embeddings
that it looks at, `label_safety` the rule), `candidates` what may vote, `scoring` fits and scores fold by fold,
`fitting` decides the vote on those scores and fits the classifier that is shipped.
"""
