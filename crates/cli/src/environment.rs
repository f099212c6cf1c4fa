//! The environment variables that clipseek reads. A flag goes before its variable.

/// The directory of the store.
pub(crate) const STORE: &str = "CLIPSEEK_STORE";

/// The model: `mini`, a directory, or an id of the Hugging Face hub.
pub(crate) const MODEL: &str = "CLIPSEEK_MODEL";

/// The collection.
pub(crate) const COLLECTION: &str = "CLIPSEEK_COLLECTION";

/// The keys that clients of `clipseek serve` have to name, with commas between.
pub(crate) const API_KEYS: &str = "CLIPSEEK_API_KEYS";

/// Those of them, or others, that may only read.
pub(crate) const READ_ONLY_KEYS: &str = "CLIPSEEK_READ_ONLY_KEYS";

/// Whether and how the terminal shows pictures.
pub(crate) const PICTURES: &str = "CLIPSEEK_PICTURES";

/// How many seconds to wait for a reply of the terminal, as a whole number.
#[cfg(unix)]
pub(crate) const TERMINAL_TIMEOUT: &str = "CLIPSEEK_TERMINAL_TIMEOUT";

/// The variables that Python's `huggingface_hub` reads too, which the crate `hub` knows.
pub(crate) const OF_THE_HUB: &str = "Environment, as for Python's huggingface_hub:
  HF_HUB_CACHE             where models are kept [default: HF_HOME/hub]
  HF_HOME                  [default: ~/.cache/huggingface]
  HF_ENDPOINT              the hub, or a mirror of it [default: https://huggingface.co]
  HF_TOKEN                 a token, for gated and private models
  HF_TOKEN_PATH            the file that holds it otherwise [default: HF_HOME/token]
  HF_HUB_OFFLINE           1: use what is here, ask nobody
  HF_HUB_ETAG_TIMEOUT, HF_HUB_DOWNLOAD_TIMEOUT
                           seconds to wait for an answer, and for the next byte [default: 10]
  HTTPS_PROXY, NO_PROXY    a proxy, and what is reached without it";
