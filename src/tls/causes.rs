//! What an error of a connection says, in one line.

use std::error::Error;

use rustls::CertificateError;

/// An error and what it comes from, in one line.
#[must_use]
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = told(error);
    let mut source = error.source();
    while let Some(error) = source {
        let part = told(error);
        if !text.ends_with(&part) {
            text = format!("{text}: {part}");
        }
        source = error.source();
    }
    text
}

/// What an error says.
fn told(error: &(dyn Error + 'static)) -> String {
    within(error).to_string()
}

/// What is wrong with the counterpart's certificate, where a [`super::PeerCertificateError`] is somewhere
/// among the causes of an error.
#[must_use]
pub fn refused_certificate(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let refused = within(error).downcast_ref::<rustls::Error>();
        if let Some(rustls::Error::InvalidCertificate(CertificateError::Other(why))) = refused {
            return Some(why.0.to_string());
        }
        cause = error.source();
    }
    None
}

/// What an I/O error was made from, which is not among its causes.
fn within<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    let io = error.downcast_ref::<std::io::Error>();
    match io.and_then(std::io::Error::get_ref) {
        Some(inner) => within(inner),
        None => error,
    }
}
