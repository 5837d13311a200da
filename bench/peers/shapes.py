"""The models of the comparisons: Qwen3 architecture, tied embeddings; `steps`: how many are timed in one process."""

NAMES = ("vocab", "hidden", "ffn", "layers", "heads", "kv", "head_dim", "batch", "length", "steps")
ROWS = {
    "tiny": (8192, 256, 768, 6, 4, 2, 64, 8, 256, 8),
    "small": (16384, 512, 1536, 8, 8, 4, 64, 4, 512, 8),
    "qwen3-0.6b-512": (151936, 1024, 3072, 28, 16, 8, 128, 1, 512, 3),
    "qwen3-0.6b-2048": (151936, 1024, 3072, 28, 16, 8, 128, 1, 2048, 3),
}
SHAPES = {name: dict(zip(NAMES, row)) for name, row in ROWS.items()}
