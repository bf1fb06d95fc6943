"""What the scripts that try real clients count, and how they end."""

passed, failed = 0, 0


def expect(name: str, condition: object, detail: object = '') -> bool:
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f'failed: {name} {detail}'.strip())
    return bool(condition)


def finish() -> int:
    """Tells the numbers; the exit status."""
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0
