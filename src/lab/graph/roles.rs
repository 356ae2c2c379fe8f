//! Entra's built-in directory roles: template ids and names (Microsoft Entra built-in roles).

macro_rules! roles {
    ($($name:ident = $id:literal $title:literal;)*) => {
        $(pub(in crate::lab) const $name: &str = $id;)*
        /// Every role the lab knows: template id and display name.
        pub(in crate::lab) const ALL: &[(&str, &str)] = &[
            $(($id, $title),)*
            ("194ae4cb-b126-40b2-bd5b-6091b380977d", "Security Administrator"),
            ("f2ef992c-3afb-46b9-b7cf-a126ee74c451", "Global Reader"),
            ("b0f54661-2d74-4c50-afa3-1ec803f12efe", "Billing Administrator"),
        ];
    };
}

roles! {
    GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10" "Global Administrator";
    PRIVILEGED_ROLE_ADMINISTRATOR = "e8611ab8-c189-46e8-94e1-60213ab1f814" "Privileged Role Administrator";
    PRIVILEGED_AUTHENTICATION_ADMINISTRATOR = "7be44c8a-adaf-4e2a-84d6-ab2649e08a13" "Privileged Authentication Administrator";
    AUTHENTICATION_ADMINISTRATOR = "c4e39bd9-1100-46d3-8c65-fb160da0071f" "Authentication Administrator";
    APPLICATION_ADMINISTRATOR = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3" "Application Administrator";
    CLOUD_APPLICATION_ADMINISTRATOR = "158c047a-c907-4556-b7ef-446551a6b5f7" "Cloud Application Administrator";
    USER_ADMINISTRATOR = "fe930be7-5e62-47db-91af-98c3a49a38b1" "User Administrator";
    HELPDESK_ADMINISTRATOR = "729827e3-9c14-49f7-bb1b-9608f156bbb8" "Helpdesk Administrator";
    PASSWORD_ADMINISTRATOR = "966707d0-3269-4727-9be2-8c3a10f19b9d" "Password Administrator";
    SECURITY_READER = "5d6b6bb7-de71-4623-b4af-96380a352509" "Security Reader";
    REPORTS_READER = "4a5d8f65-41da-4de4-8968-e035b65339cf" "Reports Reader";
    DIRECTORY_READERS = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b" "Directory Readers";
    GUEST_INVITER = "95e79109-95c0-4d8e-aee3-d01accf2d47b" "Guest Inviter";
}

/// The display name of a role, by its id or by itself.
pub(in crate::lab) fn find(id_or_name: &str) -> Option<(&'static str, &'static str)> {
    ALL.iter().copied().find(|(id, name)| id.eq_ignore_ascii_case(id_or_name) || *name == id_or_name)
}

/// Roles whose holders an ordinary password resetter may reset (Entra: who can reset passwords).
pub(in crate::lab) fn is_privileged(id: &str) -> bool {
    !matches!(id, DIRECTORY_READERS | GUEST_INVITER | PASSWORD_ADMINISTRATOR)
}
