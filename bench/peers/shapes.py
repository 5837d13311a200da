"""The models of the comparisons: Qwen3 architecture, tied embeddings."""

NAMES = ("vocab", "hidden", "ffn", "layers", "heads", "kv", "head_dim", "batch", "length")
ROWS = {
    "tiny": (8192, 256, 768, 6, 4, 2, 64, 8, 256),
    "small": (16384, 512, 1536, 8, 8, 4, 64, 4, 512),
    "qwen3-0.6b-512": (151936, 1024, 3072, 28, 16, 8, 128, 1, 512),
    "qwen3-0.6b-2048": (151936, 1024, 3072, 28, 16, 8, 128, 1, 2048),
}
SHAPES = {name: dict(zip(NAMES, row)) for name, row in ROWS.items()}
