"""Packaging: a trained model becomes a complete version folder, or is refused in one line that says what to do.

`python -m models.package` takes an ONNX file. `package_estimator` takes a fitted model of scikit-learn, LightGBM or
XGBoost, and `package_keras` takes one of Keras.
"""
