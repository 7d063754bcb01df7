"""Settings from YAML and ``key=value`` arguments, checked against a frozen dataclass, and back to plain values."""

from dataclasses import asdict, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from cranial_sparse.errors import InputError

T = TypeVar("T")


def defaults(kind: type) -> DictConfig:
    """The schema of the frozen dataclass ``kind`` with its defaults, open to be merged over."""
    return writable(OmegaConf.structured(kind))


def settled(kind: type[T], config: DictConfig) -> T:
    """A ``kind`` from a merged ``config``. Raises InputError naming a key that has no value or the wrong type."""
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise InputError(f"{missing[0]}: no value; give it as {missing[0]}=…")
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    return from_plain(kind, {str(key): value for key, value in plain.items()})


def split_argument(argument: str) -> tuple[str, str]:
    """``key=value`` in two; raises InputError where it is not that."""
    key, equals, value = argument.partition("=")
    if not equals or not all(part.isidentifier() for part in key.split(".")):
        raise InputError(f"'{argument}': expected key=value")
    return key, value


def merge(kind: type, config: DictConfig, top: str | list[str], source: str) -> DictConfig:
    """``config`` of ``kind`` with ``top`` over it, YAML text or a dot-list.

    Raises InputError naming the key and the ``source``.
    """
    try:
        if isinstance(top, str) and isinstance(text := yaml.safe_load(top), str):
            raise InputError(f"{source}: expected keys with their values, got the text {text[:40]!r}")
        loaded = OmegaConf.create(top) if isinstance(top, str) else OmegaConf.from_dotlist(top)
        if not isinstance(loaded, DictConfig):
            raise InputError(f"{source}: expected keys with their values, got a list")
        merged = OmegaConf.merge(config, loaded)
    except (OmegaConfBaseException, yaml.YAMLError) as error:
        key = getattr(error, "full_key", None) or source
        where = "" if key == source else f" (in {source})"
        raise InputError(f"{key}{where}: {reason(kind, error, key)}") from error
    assert isinstance(merged, DictConfig)
    return merged


def reason(kind: type, error: Exception, key: str) -> str:
    """One line on what was expected of ``key`` where OmegaConf raised ``error``."""
    if isinstance(error, ConfigKeyError):
        parent = getattr(error, "object_type", None)
        return (
            f"unknown key; expected one of: {', '.join(f.name for f in fields(parent))}"
            if is_dataclass(parent)
            else "?"
        )
    hint = type_of(kind, key)
    if hint is None or isinstance(error, yaml.YAMLError):
        return f"not readable as YAML ({getattr(error, 'problem', None) or error})"
    name = hint.__name__ if isinstance(hint, type) and get_origin(hint) is None else str(hint)
    detail = "" if "$" in str(error) else f" ({str(error).splitlines()[0].rstrip('.')})"
    return f"expected {name}{detail}"


def type_of(kind: type, key: str) -> Any:
    """The type the schema gives the dotted ``key``, None where it has no such key."""
    hint: Any = kind
    for part in key.split("."):
        hint = get_type_hints(hint).get(part) if is_dataclass(hint) else None
    return hint


def writable(config: DictConfig) -> DictConfig:
    """The same nodes, no longer read-only as OmegaConf makes those of frozen dataclasses."""
    OmegaConf.set_readonly(config, False)
    for key in config:
        if not OmegaConf.is_missing(config, key) and isinstance(node := config[key], DictConfig):
            writable(node)
    return config


def from_plain(kind: type[T], values: dict[str, Any], prefix: str = "") -> T:
    """A dataclass of ``kind``, and those inside it, from nested dicts and lists.

    Raises InputError, naming the key, where a list holds what it should not: OmegaConf does not look into inner lists.
    """
    hints = get_type_hints(kind)
    return kind(**{name: _typed(hints[name], value, f"{prefix}{name}") for name, value in values.items()})


def _typed(hint: Any, value: Any, key: str) -> Any:
    if is_dataclass(hint) and isinstance(hint, type):
        return from_plain(hint, value, f"{key}.")
    if get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            raise InputError(f"{key}: expected a list, got '{value}'")
        return tuple(_typed(get_args(hint)[0], inner, key) for inner in value)
    if hint in (int, float) and not isinstance(value, (int, hint)):
        raise InputError(f"{key}: expected {hint.__name__}, got '{value}'")
    return value


def to_plain(config: Any) -> dict[str, Any]:
    """Nested dicts, lists and numbers: what a checkpoint, a log or JSON holds."""
    return _lists(asdict(config))


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(inner) for key, inner in value.items()}
    return [_lists(inner) for inner in value] if isinstance(value, (list, tuple)) else value
