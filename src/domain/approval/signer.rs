//! Signing in this process: for drills and tests, whose people are made up. Real people sign with
//! `ssh-keygen`, an agent or a hardware key, and their private keys never come here.

use super::signed::{BREAK_GLASS_NAMESPACE, NAMESPACE, SignedApproval};
use super::statement::{Statement, StatementError};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{HashAlg, LineEnding, PrivateKey, PublicKey};

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error("this key cannot sign here: it is encrypted, in hardware, or of an unknown type")]
    Key,
}

/// Somebody's private key, in memory.
#[derive(Clone, Debug)]
pub struct Signer {
    key: PrivateKey,
}

impl Signer {
    pub fn new(key: PrivateKey) -> Self {
        Self { key }
    }

    /// An Ed25519 key that follows from `seed`.
    pub fn from_seed(seed: &[u8; 32], comment: &str) -> Result<Self, SignError> {
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(seed));
        PrivateKey::new(pair, comment).map(Self::new).map_err(|_| SignError::Key)
    }

    pub fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    /// The line that goes into a roster.
    pub fn public_line(&self) -> Result<String, SignError> {
        self.public_key().to_openssh().map_err(|_| SignError::Key)
    }

    /// Signs the statement in the namespace that it belongs to.
    pub fn sign(&self, statement: &Statement) -> Result<SignedApproval, SignError> {
        let namespace = if statement.break_glass { BREAK_GLASS_NAMESPACE } else { NAMESPACE };
        self.sign_bytes(statement.to_bytes()?, namespace)
    }

    /// Signs any bytes in any namespace: what a refused approval is made of.
    pub fn sign_bytes(&self, bytes: Vec<u8>, namespace: &str) -> Result<SignedApproval, SignError> {
        let signature = self.key.sign(namespace, HashAlg::Sha512, &bytes).map_err(|_| SignError::Key)?;
        let armored = signature.to_pem(LineEnding::LF).map_err(|_| SignError::Key)?;
        Ok(SignedApproval { statement_bytes: bytes, armored })
    }
}
