//! The rows of a fleet file in the words of the command line.

use super::{ActingArguments, HOME, HOME_VARIABLE, HomeArguments, How};
use crate::domain::fleet::{Acts, Tenant};
use std::path::Path;

impl HomeArguments {
    pub(in crate::cli) fn of_tenant(tenant: &Tenant) -> Self {
        Self { home: tenant.home.clone(), of_a_row: true }
    }

    /// Whether somebody named a home on the command line: the variable of the environment is there for every
    /// command, and means nothing where each tenant has its own.
    pub(in crate::cli) fn is_named(&self) -> bool {
        let variable = std::env::var_os(HOME_VARIABLE);
        self.home != Path::new(HOME) && variable.is_none_or(|v| self.home != Path::new(&v))
    }
}

impl ActingArguments {
    pub(in crate::cli) fn of_tenant(tenant: &Tenant) -> Self {
        let mut acting = Self {
            how: None,
            client_id: None,
            secret_fd: None,
            secret_file: None,
            certificate: None,
            lab: tenant.lab.clone(),
            pace: tenant.pace,
            quotas: tenant.quotas.clone(),
        };
        match &tenant.acts {
            None => {}
            Some(Acts::AzureCli) => acting.how = Some(How::AzureCli),
            Some(Acts::Certificate { client_id, file }) => {
                acting.how = Some(How::Certificate);
                acting.client_id = Some(client_id.to_string());
                acting.certificate = Some(file.clone());
            }
            Some(Acts::Secret { client_id, file }) => {
                acting.how = Some(How::Secret);
                acting.client_id = Some(client_id.to_string());
                acting.secret_file = Some(file.clone());
            }
        }
        acting
    }
}
