//! Immich's names of CLIP models, and the Hugging Face repositories with the same weights.

/// Names with an architecture and training data of open_clip, and the repositories from which open_clip downloads them
/// ([`pretrained.py`](https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/pretrained.py) of release 3.3.0).
/// OpenAI's own repositories come first, as more programs use them.
///
/// Immich's other models have text towers that clipseek can't run: M-CLIP, XLM-RoBERTa and NLLB.
const REPOSITORIES: &[(&str, &[&str])] = &[
    ("RN50__openai", &["timm/resnet50_clip.openai"]),
    ("RN50__yfcc15m", &["timm/resnet50_clip.yfcc15m"]),
    ("RN50__cc12m", &["timm/resnet50_clip.cc12m"]),
    ("RN50x4__openai", &["timm/resnet50x4_clip.openai"]),
    ("RN50x16__openai", &["timm/resnet50x16_clip.openai"]),
    ("RN50x64__openai", &["timm/resnet50x64_clip.openai"]),
    ("RN101__openai", &["timm/resnet101_clip.openai"]),
    ("RN101__yfcc15m", &["timm/resnet101_clip.yfcc15m"]),
    (
        "ViT-B-32__openai",
        &[
            "openai/clip-vit-base-patch32",
            "timm/vit_base_patch32_clip_224.openai",
        ],
    ),
    (
        "ViT-B-32__laion400m_e31",
        &["timm/vit_base_patch32_clip_224.laion400m_e31"],
    ),
    (
        "ViT-B-32__laion400m_e32",
        &["timm/vit_base_patch32_clip_224.laion400m_e32"],
    ),
    (
        "ViT-B-32__laion2b_e16",
        &["timm/vit_base_patch32_clip_224.laion2b_e16"],
    ),
    (
        "ViT-B-32__laion2b-s34b-b79k",
        &["laion/CLIP-ViT-B-32-laion2B-s34B-b79K"],
    ),
    (
        "ViT-B-16__openai",
        &[
            "openai/clip-vit-base-patch16",
            "timm/vit_base_patch16_clip_224.openai",
        ],
    ),
    (
        "ViT-B-16__laion400m_e31",
        &["timm/vit_base_patch16_clip_224.laion400m_e31"],
    ),
    (
        "ViT-B-16__laion400m_e32",
        &["timm/vit_base_patch16_clip_224.laion400m_e32"],
    ),
    (
        "ViT-B-16-plus-240__laion400m_e31",
        &["timm/vit_base_patch16_plus_clip_240.laion400m_e31"],
    ),
    (
        "ViT-L-14__openai",
        &[
            "openai/clip-vit-large-patch14",
            "timm/vit_large_patch14_clip_224.openai",
        ],
    ),
    (
        "ViT-L-14__laion400m_e31",
        &["timm/vit_large_patch14_clip_224.laion400m_e31"],
    ),
    (
        "ViT-L-14__laion400m_e32",
        &["timm/vit_large_patch14_clip_224.laion400m_e32"],
    ),
    (
        "ViT-L-14__laion2b-s32b-b82k",
        &["laion/CLIP-ViT-L-14-laion2B-s32B-b82K"],
    ),
    (
        "ViT-L-14-336__openai",
        &[
            "openai/clip-vit-large-patch14-336",
            "timm/vit_large_patch14_clip_336.openai",
        ],
    ),
    ("ViT-L-14-quickgelu__dfn2b", &["apple/DFN2B-CLIP-ViT-L-14"]),
    (
        "ViT-H-14__laion2b-s32b-b79k",
        &["laion/CLIP-ViT-H-14-laion2B-s32B-b79K"],
    ),
    ("ViT-H-14-quickgelu__dfn5b", &["apple/DFN5B-CLIP-ViT-H-14"]),
    (
        "ViT-H-14-378-quickgelu__dfn5b",
        &["apple/DFN5B-CLIP-ViT-H-14-378"],
    ),
    (
        "ViT-g-14__laion2b-s12b-b42k",
        &["laion/CLIP-ViT-g-14-laion2B-s12B-b42K"],
    ),
];

/// The suffix of SigLIP and SigLIP 2 models, after the name of the repository.
const SIGLIP: &str = "__webli";

/// The repositories with the weights of Immich's model `name`, the most usual one first; empty for an unsupported model. The
/// name may have an owner in front, like Immich's own repositories.
pub(super) fn repositories(name: &str) -> Vec<String> {
    let name = name.rsplit('/').next().unwrap_or(name);
    if let Some((_, found)) = REPOSITORIES.iter().find(|(known, _)| *known == name) {
        return found.iter().map(|id| (*id).to_owned()).collect();
    }
    match name.strip_suffix(SIGLIP) {
        Some(siglip) if siglip.contains("-SigLIP") => vec![format!("timm/{siglip}")],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use clipseek::HubModel;

    use super::*;

    #[test]
    fn names_lead_to_repositories() {
        let first = |name| repositories(name).into_iter().next().unwrap_or_default();
        for (name, expected) in [
            ("ViT-B-32__openai", "openai/clip-vit-base-patch32"),
            (
                "immich-app/ViT-B-32__openai",
                "openai/clip-vit-base-patch32",
            ),
            ("ViT-B-16-SigLIP2__webli", "timm/ViT-B-16-SigLIP2"),
            ("XLM-Roberta-Large-Vit-B-32", ""),
            ("nllb-clip-base-siglip__v1", ""),
            ("ViT-B-32", ""),
            ("", ""),
        ] {
            assert_eq!(first(name), expected, "{name}");
        }
        for (_, repositories) in REPOSITORIES {
            for id in *repositories {
                assert!(HubModel::parse(id).is_some(), "{id}");
            }
        }
    }
}
