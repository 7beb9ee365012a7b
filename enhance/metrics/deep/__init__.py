"""DeepWSD, DeepJSD and DeepSKLD."""
