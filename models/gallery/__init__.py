"""The gallery: small models of the kinds that people bring, each packaged and served right, or refused in one line."""
