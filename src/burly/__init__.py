"""Train stateful machine-learning models on a few burly serverless functions."""
