"""Files and folders: what is read, what is left out, and what a second look costs."""

import os
from pathlib import Path
from random import Random

import pytest

from agw.errors import Severity
from agw.resources import codes
from agw.resources import load as load_module
from agw.resources.load import Loader, load, split
from agw.resources.model import KINDS, Backend, HTTPRoute, Namespace, Secret, Service

HERE = Path(__file__).parent
SEED = HERE.parents[2] / "examples" / "seed"


def namespace(name, **labels):
    lines = "".join(f"    {key}: {value}\n" for key, value in labels.items())
    return f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n" + (f"  labels:\n{lines}" if lines else "")


def names(loaded):
    return [resource.name for resource in loaded.resources]


def errors(loaded):
    return [(problem.code, str(problem.position)) for problem in loaded.problems]


@pytest.fixture
def settled(monkeypatch):
    """Trust times at once: a test must not wait, and a file's ctime cannot be set."""
    monkeypatch.setattr(load_module, "_RACY_NS", -1)


def test_the_seed():
    loaded = load([SEED])
    assert loaded.problems == ()
    assert [str(resource) for resource in loaded.resources] == [
        "Secret default/a2a-api-key",
        "TrafficPolicy default/test-a2a-apikey-auth",
        "Backend default/test-a2a",
        "Gateway default/test-a2a-gateway",
        "HTTPRoute default/route-for-a2a-backend",
        "Service default/demo-a2a-agent-server",
    ]
    assert [(skipped.object, skipped.position.line) for skipped in loaded.skipped] == [("Deployment demo-a2a", 1)]
    secret = loaded.resources.get(Secret, "default", "a2a-api-key")
    assert {key: value.reveal() for key, value in secret.value.data.items()} == {
        "key1": b"key-value-foo",
        "key2": b"key-value-bar",
    }


@pytest.mark.parametrize("name", ["httproute", "gateway", "core", "own"])
def test_valid_manifests_are_taken(name):
    loaded = load([HERE / "valid" / f"{name}.yaml"])
    assert loaded.problems == ()
    assert loaded.skipped == ()
    assert len(loaded.resources)


def test_a_secret_has_stringdata_over_data():
    secret = load([HERE / "valid" / "core.yaml"]).resources.get(Secret, "default", "keys")
    assert {key: value.reveal() for key, value in secret.value.data.items()} == {
        "alice": b"wins",
        "bob": b"plain",
        "long": b"sesame",
    }


def test_defaults_are_filled_in(loaded):
    text = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec: {parentRefs: [{name: g}]}\n"
    (route,) = loaded(text).resources.of(HTTPRoute)
    assert route.namespace == "default"
    (rule,) = route.value.spec.rules
    assert rule.matches[0].path.type == "PathPrefix"
    assert route.value.spec.parent_refs[0].kind == "Gateway"
    assert route.value.spec.parent_refs[0].namespace is None


def test_documents_are_counted_and_empty_ones_passed_over(loaded):
    text = f"# only a comment\n---\n---\n# nothing\n---\n{namespace('a')}---\n\n---\n{namespace('A')}"
    found = loaded(text)
    assert names(found) == ["a"]
    (problem,) = found.problems
    assert problem.document == 5
    assert (problem.position.line, problem.position.column) == (16, 9)


@pytest.mark.parametrize("text", ["", "\n\n", "# a comment\n", "---\n", "---\n...\n", "\ufeff", "\ufeff# x\r\n"])
def test_files_with_nothing_in_them_are_fine(loaded, text):
    found = loaded(text)
    assert found.ok
    assert not found.problems
    assert len(found.resources) == 0


def test_bom_and_crlf(loaded):
    found = loaded("\ufeff" + (namespace("a") + "---\n" + namespace("B")).replace("\n", "\r\n"))
    assert names(found) == ["a"]
    assert [(problem.position.line, problem.position.column) for problem in found.problems] == [(9, 9)]


def test_json(loaded):
    text = '{"apiVersion": "v1", "kind": "Namespace",\n "metadata": {"name": "a"}}\n{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "B"}}'
    found = loaded(text, "file.json")
    assert names(found) == ["a"]
    (problem,) = found.problems
    assert (problem.document, problem.position.line, problem.position.column) == (2, 3, 64)


def test_a_list_of_objects_gives_its_items(loaded):
    text = """
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Namespace
  metadata: {name: a}
- apiVersion: v1
  kind: Pod
  metadata: {name: b}
- apiVersion: v1
  kind: Service
  metadata: {name: c}
  spec: {ports: [{port: 0}]}
"""
    found = loaded(text)
    assert names(found) == ["a"]
    assert [skipped.object for skipped in found.skipped] == ["Pod b"]
    (problem,) = found.problems
    assert (problem.object, problem.path, problem.position.line) == ("Service default/c", "$.spec.ports[0].port", 14)
    (resource,) = found.resources
    assert resource.source.position_of("$.metadata.name").line == 7


def test_a_typed_list_says_the_kind_of_its_items(loaded):
    text = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRouteList\nitems:\n- metadata: {name: r}\n  spec: {}\n"
    assert names(loaded(text)) == ["r"]


@pytest.mark.parametrize("text", ["apiVersion: v1\nkind: List\n", "apiVersion: v1\nkind: List\nitems: {}\n",
                                  "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: []}]\n"])  # fmt: skip
def test_lists_that_are_none(loaded, text):
    assert [problem.code for problem in loaded(text).problems] == [codes.TYPE]


def test_a_broken_document_leaves_the_others(loaded):
    text = f"{namespace('a')}---\nkind: [\n---\n{namespace('b')}---\nkind: Namespace\n---\n{namespace('c')}"
    found = loaded(text)
    assert names(found) == ["a", "b", "c"]
    assert [problem.code for problem in found.problems] == [codes.TRUNCATED, codes.IDENTITY]
    assert [(dropped.document, dropped.object) for dropped in found.dropped] == [(2, ""), (4, "Namespace")]
    assert not found.ok


def test_lines_in_words_count_from_the_file(loaded):
    found = loaded(f"{namespace('a')}---\n{namespace('b')}  name: c\n")
    assert found.problems[0].message == 'key "name" stands twice in this mapping, first on line 9'


def test_directives_and_document_ends(loaded):
    text = f"%YAML 1.1\n---\n{namespace('a')}...\n%YAML 1.1\n---\n{namespace('B')}...\n"
    found = loaded(text)
    assert names(found) == ["a"]
    assert [(problem.document, problem.position.line) for problem in found.problems] == [(2, 13)]


def test_a_block_scalar_may_hold_dashes_where_yaml_lets_it():
    text = "a: |\n  ---\n  b\n---\nc: ---d\n"
    assert split(text) == ["a: |\n  ---\n  b\n", "---\nc: ---d\n"]
    assert split("---a: b\n") == ["---a: b\n"]
    assert split("---") == ["---"]
    assert "".join(split("# x\n--- # y\na: b\n---\n")) == "# x\n--- # y\na: b\n---\n"


def test_the_same_object_twice(tmp_path):
    (tmp_path / "a.yaml").write_text(namespace("x", first="yes-it-is"))
    (tmp_path / "b.yaml").write_text("# again\n" + namespace("x"))
    found = load([tmp_path])
    (problem,) = found.problems
    assert problem.code == codes.DUPLICATE_OBJECT
    assert str(problem.position) == f"{tmp_path}/b.yaml:5:9"
    assert f"{tmp_path}/a.yaml:4:9" in problem.message
    assert found.resources.get(Namespace, "", "x").value.metadata.labels == {"first": "yes-it-is"}
    assert [str(dropped.position) for dropped in found.dropped] == [str(problem.position)]


def test_the_same_name_in_another_namespace_or_kind_is_another_object(loaded):
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: a%s}\nspec: {ports: [{port: 1}]}\n"
    found = loaded("---\n".join([service % "", service % ", namespace: b", namespace("a")]))
    assert found.ok
    assert len(found.resources) == 3
    assert [resource.namespace for resource in found.resources.of(Service)] == ["b", "default"]


def test_a_namespace_on_a_cluster_scoped_kind_is_dropped_as_the_api_server_does(loaded):
    (resource,) = loaded("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: b}\n").resources
    assert resource.namespace == ""


@pytest.mark.parametrize(
    ("api_version", "kind", "code"),
    [
        ("apps/v1", "Deployment", None), ("v1", "Pod", None), ("v1", "PodList", None), ("v2", "Widget", None),
        ("gateway.networking.k8s.io/v1", "GRPCRoute", None), ("networking.istio.io/v1", "Gateway", None),
        ("gateway.envoyproxy.io/v1alpha1", "Backend", None), ("serving.knative.dev/v1", "Service", None),
        ("gateway.networking.x-k8s.io/v1alpha1", "XListenerSet", None), ("apiextensions.k8s.io/v1", "CustomResourceDefinition", None),
        ("gateway.networking.k8s.io/v1", "HTTPRout", codes.KIND), ("gateway.networking.k8s.io/v1", "Widget", codes.KIND),
        ("agentgateway.alibabacloud.com/v1alpha1", "AgentPolicy", codes.KIND), ("v1", "Secrets", codes.KIND),
        ("v1", "namespace", codes.KIND), ("discovery.k8s.io/v1", "EndpointSlices", codes.KIND),
        ("v1", "Gateway", codes.GROUP), ("gateway.networking.k8s.op/v1", "Gateway", codes.GROUP),
        ("agentgateway.alibaba.com/v1alpha1", "Backend", codes.GROUP), ("apps/v1", "Service", codes.GROUP),
        ("gateway.networking.k8s.io/v2", "Gateway", codes.VERSION), ("discovery.k8s.io/v1beta1", "EndpointSlice", codes.VERSION),
        ("a/b/c", "Gateway", codes.IDENTITY), ("1", "Gateway", codes.IDENTITY), ("''", "Gateway", codes.IDENTITY),
    ],
)  # fmt: skip
def test_foreign_kinds_are_passed_over_and_misspelt_ones_are_not(loaded, api_version, kind, code):
    found = loaded(f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: x}}\n")
    assert [problem.code for problem in found.problems] == ([code] if code else [])
    assert [skipped.object for skipped in found.skipped] == ([] if code else [f"{kind} x"])


def test_a_foreign_document_may_be_as_it_likes(loaded):
    found = loaded("apiVersion: example.com/v1\nkind: Odd\nmetadata: {name: x}\non: !custom {a: 1, a: 2}\n")
    assert found.ok
    assert [str(skipped).partition(": ")[2] for skipped in found.skipped] == [
        "skipped Odd x (example.com/v1): not a kind that agw reads"
    ]


class TestFolders:
    def test_by_name_and_below_but_not_hidden(self, tmp_path):
        for name in ("b.yaml", "a.yml", "sub/c.json", "sub/.hidden/d.yaml", ".e.yaml", "f.txt", "g.yaml~"):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True, parents=True)
            text = namespace(path.name[0] if path.name[0] != "." else "hidden")
            path.write_text(
                '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "c"}}'
                if path.suffix == ".json"
                else text
            )
        found = load([tmp_path])
        assert names(found) == ["a", "b", "c"]
        assert found.files == tuple(f"{tmp_path}/{name}" for name in ("a.yml", "b.yaml", "sub/c.json"))

    @pytest.mark.usefixtures("settled")
    def test_a_configmap_mount_is_read_once_and_its_swap_is_seen(self, tmp_path):
        def version(number, name):
            folder = tmp_path / f"..2026_{number}"
            folder.mkdir()
            (folder / "a.yaml").write_text(namespace(name))
            (tmp_path / "..data_tmp").symlink_to(folder.name)
            (tmp_path / "..data_tmp").rename(tmp_path / "..data")

        version(1, "one")
        (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
        loader = Loader()
        assert names(loader.load([tmp_path])) == ["one"]
        version(2, "two")
        assert names(loader.load([tmp_path])) == ["two"]
        assert loader.load([tmp_path]).files == (f"{tmp_path}/a.yaml",)

    def test_a_file_named_twice_is_read_once(self, tmp_path):
        (tmp_path / "a.yaml").write_text(namespace("a"))
        (tmp_path / "link.yaml").symlink_to("a.yaml")
        found = load([tmp_path, tmp_path / "a.yaml", tmp_path])
        assert found.ok
        assert found.files == (f"{tmp_path}/a.yaml",)

    def test_links_in_a_circle_end(self, tmp_path):
        (tmp_path / "a.yaml").write_text(namespace("a"))
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "up").symlink_to("..")
        assert names(load([tmp_path])) == ["a"]

    def test_an_empty_folder_is_a_warning(self, tmp_path):
        found = load([tmp_path])
        assert [(problem.code, problem.severity) for problem in found.problems] == [(codes.NOTHING, Severity.WARNING)]
        assert found.ok


class TestUnreadable:
    def test_a_file_that_is_not_there(self, tmp_path):
        assert errors(load([tmp_path / "no.yaml"])) == [(codes.UNREADABLE, f"{tmp_path}/no.yaml")]

    def test_a_name_that_cannot_be_looked_up(self, tmp_path):
        path = tmp_path / ("x" * 300)
        assert errors(load([path])) == [(codes.UNREADABLE, str(path))]

    def test_a_link_to_itself(self, tmp_path):
        (tmp_path / "a.yaml").symlink_to("a.yaml")
        (tmp_path / "b").symlink_to("b")
        assert errors(load([tmp_path])) == [(codes.UNREADABLE, f"{tmp_path}/a.yaml")]

    def test_a_dangling_link(self, tmp_path):
        (tmp_path / "a.yaml").symlink_to("nowhere")
        assert errors(load([tmp_path])) == [(codes.UNREADABLE, f"{tmp_path}/a.yaml")]

    def test_a_fifo_does_not_block(self, tmp_path):
        os.mkfifo(tmp_path / "a.yaml")
        assert errors(load([tmp_path])) == [(codes.UNREADABLE, f"{tmp_path}/a.yaml")]

    def test_a_file_that_is_too_large(self, tmp_path, monkeypatch):
        monkeypatch.setattr(load_module, "MAX_FILE", 10)
        (tmp_path / "a.yaml").write_text(namespace("a"))
        assert errors(load([tmp_path])) == [(codes.TOO_LARGE, f"{tmp_path}/a.yaml")]

    @pytest.mark.parametrize("content", [b"\xff\xfea\x00", "ü".encode("latin-1")])
    def test_what_is_not_utf8(self, loaded, content):
        assert [problem.code for problem in loaded(content).problems] == [codes.NOT_UTF8]


class TestAgain:
    @pytest.mark.usefixtures("settled")
    def test_what_did_not_change_is_the_same(self, tmp_path):
        for name in "abc":
            (tmp_path / f"{name}.yaml").write_text(namespace(name) + "---\n" + namespace(name * 2))
        loader = Loader()
        first = loader.load([tmp_path])
        (tmp_path / "b.yaml").write_text(namespace("b", new="label") + "---\n" + namespace("bb"))
        second = loader.load([tmp_path])
        assert second.resources.changed_since(first.resources) == ((Namespace, "", "b"), (Namespace, "", "bb"))
        before, now = (found.resources.get(Namespace, "", "bb") for found in (first, second))
        assert now.value is before.value  # only its place changed
        assert now.source.position_of("$.metadata.name").line == before.source.position_of("$.metadata.name").line + 2
        third = loader.load([tmp_path])
        assert third.resources.changed_since(second.resources) == ()

    @pytest.mark.usefixtures("settled")
    def test_only_changed_text_is_decoded(self, tmp_path, monkeypatch):
        decoded = []
        decode = load_module.decode
        monkeypatch.setattr(load_module, "decode", lambda text, **more: decoded.append(text) or decode(text, **more))
        texts = [f"---\n{namespace(f'n{number}')}" for number in range(50)]
        path = tmp_path / "all.yaml"
        path.write_text("".join(texts))
        loader = Loader()
        loader.load([path])
        assert len(decoded) == 50
        decoded.clear()
        texts[20] = f"---\n{namespace('changed')}"
        path.write_text("".join(texts))
        assert len(loader.load([path]).resources) == 50
        assert decoded == [texts[20]]

    @pytest.mark.usefixtures("settled")
    def test_unchanged_files_are_not_opened(self, tmp_path, monkeypatch):
        (tmp_path / "a.yaml").write_text(namespace("a"))
        loader = Loader()
        loader.load([tmp_path])
        monkeypatch.setattr(load_module, "_open_plain", None)
        assert names(loader.load([tmp_path])) == ["a"]

    def test_a_file_that_was_just_written_is_read_again(self, tmp_path, monkeypatch):
        """Two writes within one tick of the file system's clock have the same times."""
        monkeypatch.setattr(load_module, "_RACY_NS", 2**62)
        path = tmp_path / "a.yaml"
        path.write_text(namespace("a"))
        loader = Loader()
        loader.load([path])
        state = path.stat()
        path.write_text(namespace("b"))
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        assert names(loader.load([path])) == ["b"]

    @pytest.mark.usefixtures("settled")
    def test_a_problem_stays_until_it_is_mended(self, tmp_path):
        path = tmp_path / "a.yaml"
        path.write_text(namespace("A"))
        loader = Loader()
        assert errors(loader.load([path])) == errors(loader.load([path])) != []
        path.write_text(namespace("a"))
        assert loader.load([path]).ok
        path.unlink()
        assert [code for code, _ in errors(loader.load([path]))] == [codes.UNREADABLE]


class TestNamed:
    """A loader that is told which files changed gives what one gives that looks at all."""

    TEXTS = (
        *(namespace(name) for name in "abc"),
        namespace("a", new="label") + "---\n" + namespace("d"),
        namespace("e") + "---\n" + namespace("e", twice="here"),
        "apiVersion: v1\nkind: ConfigMapp\nmetadata: {name: a}\n",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n",
        "{broken",
        "",
    )
    NAMES = ("a.yaml", "b.yaml", "sub/c.yaml", "d.json")

    def same(self, told, whole):
        assert {str(one): (one.value, one.source) for one in told.resources} == {
            str(one): (one.value, one.source) for one in whole.resources
        }
        assert told.problems == whole.problems
        assert told.skipped == whole.skipped
        assert told.dropped == whole.dropped
        assert told.files == whole.files

    def change(self, random, path):
        """Do something to a file that people do."""
        match random.randrange(8):
            case 0:
                path.unlink(missing_ok=True)
            case 1:
                path.unlink(missing_ok=True)
                path.symlink_to(random.choice(["a.yaml", "none.yaml", "../a.yaml"]))
            case 2 if (other := path.with_name("other.yaml")).is_file() and other != path:
                path.unlink(missing_ok=True)
                os.link(other, path)
            case _:
                (fresh := path.with_name(".fresh")).write_text(random.choice(self.TEXTS))
                fresh.replace(path)

    @pytest.mark.parametrize("seed", range(30))
    @pytest.mark.usefixtures("settled")
    def test_it_is_what_a_fresh_one_gives(self, tmp_path, seed):
        random = Random(seed)
        (tmp_path / "sub").mkdir()
        (tmp_path / "other.yaml").write_text(namespace("o"))
        loader = Loader()
        before = loader.load([tmp_path])
        for _ in range(30):
            paths = [tmp_path / random.choice(self.NAMES) for _ in range(random.randint(1, 3))]
            for path in paths:
                self.change(random, path)
            told = loader.load([tmp_path], frozenset(map(str, paths)))
            self.same(told, load([tmp_path]))
            differing = set(told.resources.changed_since(before.resources))
            assert told.changed is None or differing <= told.changed
            before = told

    @pytest.mark.usefixtures("settled")
    def test_the_cost_is_that_of_the_file(self, tmp_path, monkeypatch):
        for name in "abc":
            (tmp_path / f"{name}.yaml").write_text(namespace(name))
        loader = Loader()
        loader.load([tmp_path])
        monkeypatch.setattr(load_module, "_folder", None)
        (tmp_path / "b.yaml").write_text(namespace("b", new="label"))
        told = loader.load([tmp_path], {str(tmp_path / "b.yaml")})
        assert told.changed == {(Namespace, "", "b")}
        assert names(told) == ["a", "b", "c"]

    @pytest.mark.usefixtures("settled")
    def test_a_look_at_all_that_finds_nothing_new_says_so(self, tmp_path):
        (tmp_path / "a.yaml").write_text(namespace("a"))
        loader = Loader()
        first = loader.load([tmp_path])
        assert first.changed is None
        again = loader.load([tmp_path])
        assert again.changed == frozenset()
        assert again.resources is first.resources


class TestSecrets:
    VALUE = "correct-horse-battery-staple"

    def forms(self):
        value = self.VALUE
        head = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
        yield head + f"data: {{k: {value}}}\n"
        yield head + f"data: {value}\n"
        yield head + f"stringData: [{value}]\n"
        yield head + f"stringData: {{k: [{value}]}}\n"
        yield head + f"stringData:\n  k: {value}\n  k: {value}\n"
        yield head + f"stringData:\n  k: '{value}\n"
        yield head + f'stringData:\n  k: "{value}\\q"\n'
        yield head + f"stringData:\n  k: {value}: {value}\n"
        yield head + f"stringData:\n  k: |\n    {value}\n   {value}\n"
        yield head + f"stringData:\n\tk: {value}\n"
        yield head + f"stringData:\n  k: !{value} x\n".replace(f"!{value}", f"!odd {value}")
        yield head + f"strngData:\n  k: {value}\n"
        yield head + f"stringData:\n  name: {value}\n  type: {value}\n  'bad key': {value}\n"
        yield f"stringData:\n  k: {value}\nkind: Secret\n"
        yield f"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  metadata: {{name: s}}\n  data: {{k: {value}}}\n"
        yield f"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  metadata: {{name: s}}\n  data: {{k: '{value}}}\n"
        yield f'{{"kind": "Secret", "apiVersion": "v1", "stringData": {{"k": "{value}" "x"}}}}'

    def test_no_value_gets_into_a_message_or_an_excerpt(self, loaded):
        from agw.resources.render import as_dict, github, texts

        for number, text in enumerate(self.forms()):
            found = loaded(text, f"{number}.yaml")
            assert found.problems, text
            shown = texts(found.problems) + "".join(
                f"{problem}{as_dict(problem)}{github(problem)}" for problem in found.problems
            )
            for part in (self.VALUE, "horse", "battery"):
                assert part not in shown, text
            assert "horse" not in repr(found)

    def test_values_do_not_print_themselves(self, loaded):
        import pickle

        found = loaded(f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{k: {self.VALUE}}}\n")
        (secret,) = found.resources.of(Secret)
        assert self.VALUE not in repr(secret.value)
        assert self.VALUE not in str(secret.value.data["k"])
        assert secret.value.data["k"].reveal() == self.VALUE.encode()
        with pytest.raises(TypeError):
            pickle.dumps(secret.value.data["k"])

    @pytest.mark.parametrize(
        "text", ["c2VzYW1l!", "c2VzYW1", "c2Vz YW1l", "c2VzYW1lOg=", "c2VzYW1lOg===", "c2Vz-W1l", "ü", "="]
    )
    def test_base64_is_strict(self, loaded, text):
        found = loaded(f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\ndata:\n  k: '{text}'\n")
        assert [(problem.code, problem.path, problem.position.line) for problem in found.problems] == [
            (codes.BASE64, "$.data.k", 5)
        ]

    def test_size(self, loaded):
        found = loaded(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  k: " + "a" * (1024 * 1024 + 1) + "\n"
        )
        assert [problem.code for problem in found.problems] == [codes.SECRET_SIZE]

    def test_an_empty_secret_is_one(self, loaded):
        (secret,) = loaded("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\nstringData: {k: ''}\n").resources
        assert secret.value.data["k"].reveal() == b""


class TestPositions:
    TEXT = "# above\n---\napiVersion: agentgateway.alibabacloud.com/v1alpha1\nkind: Backend\nmetadata: {name: b}\nspec:\n  type: A2A\n  a2a:\n    targets:\n    - name: a\n      static: {host: h, port: 1}\n"

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("$", (3, 1)), ("$.spec.type", (7, 9)), ("$.spec.a2a.targets[0].static.port", (11, 31)),
            ("$.spec.a2a.targets[0]", (10, 7)), ("$.spec.a2a.targets[7].name", (10, 5)),
            ("$.spec.a2a.card.externalURL", (9, 5)), ("$.metadata.labels", (5, 11)),
        ],
    )  # fmt: skip
    def test_of_a_field_or_what_is_written_of_it(self, loaded, path, expected):
        (resource,) = loaded(self.TEXT).resources.of(Backend)
        position = resource.source.position_of(path)
        assert (position.line, position.column) == expected
        assert resource.source.document == 1


def test_every_kind_can_be_loaded(loaded):
    valid = "".join("\n---\n" + path.read_text() for path in sorted((HERE / "valid").glob("*.yaml")))
    assert {resource.kind for resource in loaded(valid).resources} == set(KINDS)
