def check(path, work):
    pass
