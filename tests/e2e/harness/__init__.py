"""What the end-to-end tests share: real hosts and workers, plain HTTP, the program's verbs."""
