/// The token that has access to every repository. The only other valid one is [`OTHER_TOKEN`].
pub const TOKEN: &str = "hf_the_token_that_opens";

/// The token of an account that hasn't accepted any terms.
pub const OTHER_TOKEN: &str = "hf_the_token_of_another";

/// The signature in URLs of the double's storage.
pub const SIGNATURE: &str = "the-secret-signature";
