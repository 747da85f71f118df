"""What a workflow says of a model."""

from lib_hypersd.comfyui.graph import Origin, origin_of


def node(**inputs):
    return {"class_type": "Any", "inputs": inputs}


def test_the_loader_and_the_loras_between():
    graph = {
        "1": node(ckpt_name="sub/one.safetensors"),
        "2": node(model=["1", 0], clip=["9", 1], lora_name="style.safetensors", strength_model=1.0),
        "3": node(model=["2", 0], lora_name="off.safetensors", strength_model=0),
        "4": node(model=["3", 0], text="a cat"),
        "5": node(model=["4", 0]),
        "9": node(ckpt_name="other.safetensors"),
    }
    assert origin_of(graph, "5") == Origin("sub/one.safetensors", ("style.safetensors",))


def test_a_node_without_a_model_is_searched_by_all_its_links():
    graph = {"1": node(unet_name="flux.gguf"), "2": node(any=["1", 0], number=3), "3": node(model=["2", 0])}
    assert origin_of(graph, "3").checkpoint == "flux.gguf"


def test_what_a_graph_does_not_say():
    assert origin_of({}, "1") == Origin()
    assert origin_of({"1": node(model=["2", 0])}, "1") == Origin()
    assert origin_of({"1": node(model=["2", 0]), "2": {"inputs": None}}, "1") == Origin()
    assert origin_of({"1": node(model=["7:2", 0]), "7:2": node(ckpt_name=["8", 0])}, "1") == Origin()


def test_a_ring_ends():
    graph = {"1": node(model=["2", 0]), "2": node(model=["3", 0]), "3": node(model=["2", 0])}
    assert origin_of(graph, "1") == Origin()
