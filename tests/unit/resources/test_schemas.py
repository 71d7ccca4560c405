"""The schema files themselves: complete, explained, and one with the tables and types in Python."""

import re

import msgspec
import pytest

from agw import data
from agw.resources import codes
from agw.resources.model import KINDS, Value
from agw.resources.patterns import MEANINGS
from agw.resources.rules import RULES, normal
from agw.resources.schema import _SCHEMAS, read, structural
from agw.resources.walk import NOTHING, Walk, compile_schema

OURS = ("Backend", "TrafficPolicy")
CRDS = [read(path) for path in data.crd_files()]
FILES = {path.name: read(path) for path in _SCHEMAS.glob("*.yaml")}


def crd_schema(crd):
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def nodes(schema, path=""):
    yield path, schema
    for name, sub in schema.get("properties", {}).items():
        yield from nodes(sub, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from nodes(schema["items"], path + "[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], path + "{}")


ALL = [*map(crd_schema, CRDS), *FILES.values()]


def test_every_pattern_has_words_and_every_word_a_pattern():
    used = {node["pattern"] for schema in ALL for _, node in nodes(schema) if "pattern" in node}
    assert used == set(MEANINGS)


def test_every_rule_has_a_twin_and_every_twin_a_rule():
    used = {
        normal(rule["rule"]) for schema in ALL for _, node in nodes(schema)
        for rule in node.get("x-kubernetes-validations", ())
    }  # fmt: skip
    assert used == set(RULES)


@pytest.mark.parametrize("crd", CRDS, ids=lambda crd: crd["spec"]["names"]["kind"])
class TestCRD:
    def test_small(self, crd):
        (path,) = [path for path in data.crd_files() if path.stem == crd["spec"]["names"]["plural"]]
        assert path.stat().st_size < 75 * 1024

    def test_names(self, crd):
        spec = crd["spec"]
        assert crd["metadata"]["name"] == f"{spec['names']['plural']}.{spec['group']}"
        assert "agw" in spec["names"]["categories"]
        assert spec["names"]["shortNames"]
        (version,) = spec["versions"]
        assert version["subresources"] == {"status": {}}
        assert version["additionalPrinterColumns"][-1]["name"] == "Age"

    def test_every_field_is_described_with_an_example_and_its_unit(self, crd):
        for path, node in nodes(crd_schema(crd)):
            if path == ".metadata":
                continue
            assert "Example: " in node.get("description", ""), path
            counts = node["type"] in {"integer", "number"} or "([0-9]{1,5}(h|m|s|ms))" in node.get("pattern", "")
            if counts:
                assert "Unit: " in node["description"], path

    def test_examples_of_enums_are_members(self, crd):
        for path, node in nodes(crd_schema(crd)):
            if "enum" in node:
                example = re.search(r"Example: '?([\w.]+?)'?\.$", node["description"])
                assert example, path
                assert example[1] in node["enum"], path

    def test_everything_is_bounded(self, crd):
        """Else the API server cannot bound the cost of rules, and a client can store anything."""
        for path, node in nodes(crd_schema(crd)):
            if path in {".apiVersion", ".kind", ".metadata"}:
                continue
            if node["type"] == "string":
                assert "enum" in node or "maxLength" in node or node.get("format") == "date-time", path
            if node["type"] == "array":
                assert "maxItems" in node, path
                assert node.get("x-kubernetes-list-type") in {"map", "set", "atomic"}, path
            if node["type"] in {"integer", "number"}:
                assert "minimum" in node, path

    def test_structural(self, crd):
        """What the API server asks of a structural schema, as far as we use it."""
        known = {
            "type", "description", "properties", "required", "items", "enum", "minimum", "maximum", "minLength", "maxLength",
            "minItems", "maxItems", "minProperties", "pattern", "format", "default", "x-kubernetes-list-type",
            "x-kubernetes-list-map-keys", "x-kubernetes-validations",
        }  # fmt: skip
        for path, node in nodes(crd_schema(crd)):
            assert set(node) <= known, path
            assert "type" in node, path
            for key in node.get("x-kubernetes-list-map-keys", ()):
                item = node["items"]
                assert key in item["required"] or "default" in item["properties"][key], path
            for name in node.get("required", ()):
                assert name in node["properties"], path

    def test_rules_have_a_message(self, crd):
        for path, node in nodes(crd_schema(crd)):
            for rule in node.get("x-kubernetes-validations", ()):
                assert set(rule) == {"rule", "message"}, path


@pytest.mark.parametrize("schema", ALL, ids=[*(crd["spec"]["names"]["kind"] for crd in CRDS), *FILES])
def test_defaults_are_valid(schema):
    for path, node in nodes(schema):
        if "default" in node:
            walk = Walk()
            compile_schema({**node, "default": NOTHING}).check(node["default"], walk)
            assert not walk.findings, path


def struct_of(annotation):
    """The Struct inside an annotation: X, X | None, tuple[X, ...], dict[str, X]."""
    if isinstance(annotation, type) and issubclass(annotation, Value):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = struct_of(part)
        if found is not None:
            return found
    return None


def written(struct):
    """The fields that a manifest has: `unread` is decoding's own."""
    return [field for field in msgspec.structs.fields(struct) if field.name != "unread"]


def pairs(struct, schema, path):
    yield struct, schema, path
    for field in written(struct):
        sub = struct_of(field.type)
        node = schema.get("properties", {}).get(field.encode_name)
        if sub is not None and node is not None:
            yield from pairs(sub, node.get("items", node), f"{path}.{field.encode_name}")


@pytest.mark.parametrize("kind", KINDS)
def test_types_and_schemas_have_the_same_fields(kind):
    ours = kind in OURS
    for struct, schema, path in pairs(KINDS[kind].type, structural(kind), kind):
        names = {field.encode_name for field in written(struct)}
        known = set(schema["properties"]) - ({"status"} if path == kind else set())
        assert names <= known, path
        if ours and ".metadata" not in path:
            assert names == known, path


@pytest.mark.parametrize("kind", KINDS)
def test_types_and_schemas_have_the_same_defaults(kind):
    """A value made in a test or by the controller is what decoding gives."""
    for struct, schema, path in pairs(KINDS[kind].type, structural(kind), kind):
        for field in written(struct):
            node = schema["properties"][field.encode_name]
            where = f"{path}.{field.encode_name}"
            if field.encode_name in schema.get("required", ()) or "default" not in node or not field.required:
                pass
            else:
                pytest.fail(f"{where}: the schema has a default, the type has none")
            if where == "Gateway.spec.allowedListeners.namespaces.from":
                continue  # one type for two places; here the outer default says None
            if "default" in node and not isinstance(field.default, msgspec.NODEFAULT.__class__):
                default = compile_schema(node).check(node["default"], Walk())
                assert msgspec.convert(default, field.type) == field.default, where


def test_a_schema_with_an_unknown_rule_or_pattern_does_not_compile():
    with pytest.raises(KeyError):
        compile_schema({"type": "string", "pattern": "^never seen$"})
    with pytest.raises(KeyError):
        compile_schema({"type": "object", "x-kubernetes-validations": [{"rule": "true == false", "message": ""}]})


def test_codes_are_explained_once():
    named = {value for name, value in vars(codes).items() if name.isupper() and isinstance(value, str)}
    assert named == set(codes.EXPLANATIONS)
    assert all(re.fullmatch(r"AGW1\d{3}", code) for code in named)
    assert all(text.endswith(".") and "\n" not in text for text in codes.EXPLANATIONS.values())
