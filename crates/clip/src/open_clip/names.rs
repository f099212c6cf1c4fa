//! Maps transformers' names of CLIP's weights to those of open_clip and timm.

use nn::{Part, TensorLocation};

use crate::clip::Projection;

/// Names of a transformer layer's parts: (transformers', the other library's).
type LayerNames = &'static [(&'static str, &'static str)];

const OPEN_CLIP_LAYER: LayerNames = &[
    ("layer_norm1.", "ln_1."),
    ("layer_norm2.", "ln_2."),
    ("self_attn.out_proj.", "attn.out_proj."),
    ("mlp.fc1.", "mlp.c_fc."),
    ("mlp.fc2.", "mlp.c_proj."),
    ("layer_scale1.lambda1", "ls_1.gamma"),
    ("layer_scale2.lambda1", "ls_2.gamma"),
    ("self_attn.qkv.", "attn.in_proj_"),
];

const TIMM_LAYER: LayerNames = &[
    ("layer_norm1.", "norm1."),
    ("layer_norm2.", "norm2."),
    ("self_attn.out_proj.", "attn.proj."),
    ("mlp.", "mlp."),
    ("layer_scale1.lambda1", "ls1.gamma"),
    ("layer_scale2.lambda1", "ls2.gamma"),
    ("self_attn.qkv.", "attn.qkv."),
];

/// open_clip's vision transformer.
pub(super) fn vision(name: &str) -> TensorLocation {
    const NAMES: &[(&str, &str)] = &[
        ("embeddings.patch_embedding.", "visual.conv1."),
        ("embeddings.class_embedding", "visual.class_embedding"),
        (
            "embeddings.position_embedding.weight",
            "visual.positional_embedding",
        ),
        ("pre_layrnorm.", "visual.ln_pre."),
        ("post_layernorm.", "visual.ln_post."),
    ];
    match name.strip_prefix("vision_model.") {
        Some(rest) => match rest.strip_prefix("encoder.layers.") {
            Some(rest) => layer("visual.transformer.resblocks.", rest, OPEN_CLIP_LAYER),
            None => TensorLocation::whole(renamed(rest, NAMES)),
        },
        None if name == "visual_projection.weight" => transposed("visual.proj"),
        None => TensorLocation::whole(name),
    }
}

/// timm's vision transformer, followed by open_clip's projection.
pub(super) fn trunk(name: &str) -> TensorLocation {
    in_trunk(name, "visual.head.proj.")
}

/// timm's vision transformer, with its classifier as projection.
pub(super) fn trunk_with_head(name: &str) -> TensorLocation {
    in_trunk(name, "visual.trunk.head.")
}

fn in_trunk(name: &str, projection: &'static str) -> TensorLocation {
    const NAMES: &[(&str, &str)] = &[
        (
            "embeddings.patch_embedding.",
            "visual.trunk.patch_embed.proj.",
        ),
        ("embeddings.class_embedding", "visual.trunk.cls_token"),
        (
            "embeddings.position_embedding.weight",
            "visual.trunk.pos_embed",
        ),
        ("pre_layrnorm.", "visual.trunk.norm_pre."),
        ("post_layernorm.", "visual.trunk.norm."),
    ];
    match name.strip_prefix("vision_model.") {
        Some(rest) => match rest.strip_prefix("encoder.layers.") {
            Some(rest) => layer("visual.trunk.blocks.", rest, TIMM_LAYER),
            None => TensorLocation::whole(renamed(rest, NAMES)),
        },
        None => TensorLocation::whole(renamed(name, &[("visual_projection.", projection)])),
    }
}

/// timm's SigLIP vision transformer.
pub(super) fn siglip_trunk(name: &str) -> TensorLocation {
    const NAMES: &[(&str, &str)] = &[
        ("probe", "latent"),
        ("attention.out_proj.", "proj."),
        ("attention.", ""),
        ("layernorm.", "norm."),
    ];
    match name.strip_prefix("vision_model.head.") {
        Some(rest) => {
            TensorLocation::whole(format!("visual.trunk.attn_pool.{}", renamed(rest, NAMES)))
        }
        None => trunk(name),
    }
}

/// open_clip's text transformer, whose names are `below` the prefix `text` or not.
pub(super) fn text(below: bool, projection: Projection) -> fn(&str) -> TensorLocation {
    match (below, projection == Projection::Biased) {
        (false, false) => |name| text_location(name, "", false),
        (false, true) => |name| text_location(name, "", true),
        (true, false) => |name| text_location(name, "text.", false),
        (true, true) => |name| text_location(name, "text.", true),
    }
}

fn text_location(name: &str, prefix: &str, biased: bool) -> TensorLocation {
    const NAMES: &[(&str, &str)] = &[
        ("embeddings.token_embedding.", "token_embedding."),
        (
            "embeddings.position_embedding.weight",
            "positional_embedding",
        ),
        ("final_layer_norm.", "ln_final."),
    ];
    match name.strip_prefix("text_model.") {
        Some(rest) => match rest.strip_prefix("encoder.layers.") {
            Some(rest) => layer(
                &format!("{prefix}transformer.resblocks."),
                rest,
                OPEN_CLIP_LAYER,
            ),
            None => TensorLocation::whole(format!("{prefix}{}", renamed(rest, NAMES))),
        },
        // With a bias it is a linear layer (outputs, inputs); without, a matrix (inputs, outputs).
        None if name == "text_projection.weight" && !biased => {
            transposed(&format!("{prefix}text_projection"))
        }
        None => TensorLocation::whole(format!("{prefix}{name}")),
    }
}

/// The tensor of a layer, whose index and name are in `rest`.
fn layer(layers: &str, rest: &str, names: LayerNames) -> TensorLocation {
    let (number, name) = rest.split_once('.').unwrap_or((rest, ""));
    let thirds = [
        "self_attn.q_proj.",
        "self_attn.k_proj.",
        "self_attn.v_proj.",
    ];
    let third = thirds.iter().position(|third| name.starts_with(third));
    let (name, part) = match third {
        Some(third) => {
            let kind = &name[thirds[third].len()..];
            (
                renamed(&format!("self_attn.qkv.{kind}"), names),
                Part::Third(third),
            )
        }
        None => (renamed(name, names), Part::Whole),
    };
    TensorLocation {
        name: format!("{layers}{number}.{name}"),
        part,
    }
}

/// `name` with the first matching prefix in `names` replaced.
fn renamed(name: &str, names: &[(&str, &str)]) -> String {
    let replaced = names.iter().find_map(|(beginning, replacement)| {
        let rest = name.strip_prefix(beginning)?;
        Some(format!("{replacement}{rest}"))
    });
    replaced.unwrap_or_else(|| name.to_owned())
}

fn transposed(name: &str) -> TensorLocation {
    TensorLocation {
        name: name.to_owned(),
        part: Part::Transposed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(naming: fn(&str) -> TensorLocation, name: &str, expected: &str, part: Part) {
        let expected = TensorLocation {
            name: expected.to_owned(),
            part,
        };
        assert_eq!(naming(name), expected);
    }

    #[test]
    fn names_are_translated() {
        case(
            vision,
            "vision_model.encoder.layers.11.self_attn.k_proj.bias",
            "visual.transformer.resblocks.11.attn.in_proj_bias",
            Part::Third(1),
        );
        case(
            trunk,
            "vision_model.encoder.layers.0.self_attn.v_proj.weight",
            "visual.trunk.blocks.0.attn.qkv.weight",
            Part::Third(2),
        );
        case(
            trunk,
            "vision_model.encoder.layers.0.mlp.fc2.bias",
            "visual.trunk.blocks.0.mlp.fc2.bias",
            Part::Whole,
        );
        case(
            trunk_with_head,
            "visual_projection.bias",
            "visual.trunk.head.bias",
            Part::Whole,
        );
        case(
            siglip_trunk,
            "vision_model.head.attention.kv.bias",
            "visual.trunk.attn_pool.kv.bias",
            Part::Whole,
        );
        case(
            siglip_trunk,
            "vision_model.post_layernorm.bias",
            "visual.trunk.norm.bias",
            Part::Whole,
        );
        case(
            text(true, Projection::Plain),
            "text_projection.weight",
            "text.text_projection",
            Part::Transposed,
        );
        case(
            text(false, Projection::Biased),
            "text_projection.weight",
            "text_projection.weight",
            Part::Whole,
        );
    }
}
