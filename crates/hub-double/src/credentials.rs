/// The token that opens every repository of the double. It knows no other but [`OTHER_TOKEN`].
pub const TOKEN: &str = "hf_the_token_that_opens";

/// A token of an account that has accepted no terms.
pub const OTHER_TOKEN: &str = "hf_the_token_of_another";

/// What signs the addresses in the double's storage.
pub const SIGNATURE: &str = "the-secret-signature";
