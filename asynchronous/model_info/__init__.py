"""Tell clients about the model: its signature at `/metadata`, its labels at `/label`.

Protects from: clients that guess which model, version and labels the answers come from.
Costs: the model's manifest.json, which must be deployed with the proxy.
Instead: TensorFlow Serving's own `GetModelMetadata`, which does not know the labels.
Remove: delete this folder and the lines that end with "# optional: model_info".
"""
