#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo transfer_bad_source{
    .id = "transfer.bad_source",
    .kind = Errc::invalid,
    .meaning = "Neither the absolute path of a file nor a file, http, https, sftp or scp URL.",
    .remedy = "Give the path of the package file, or its URL."};
inline constexpr ErrorInfo transfer_not_found{
    .id = "transfer.not_found",
    .kind = Errc::not_found,
    .meaning = "There is no such file, here or on the server.",
    .remedy = "Check the path or URL of the package."};
inline constexpr ErrorInfo transfer_denied{
    .id = "transfer.denied",
    .kind = Errc::refused,
    .meaning = "The server does not give out the file to us.",
    .remedy = "Check the credentials in the URL and the rights on the server."};
inline constexpr ErrorInfo transfer_http_status{
    .id = "transfer.http_status",
    .kind = Errc::unavailable,
    .meaning = "The server answered with an error.",
    .remedy = "Look at the server's log for the status in the message, then try again."};
inline constexpr ErrorInfo transfer_unreachable{
    .id = "transfer.unreachable",
    .kind = Errc::unavailable,
    .meaning = "The server of the URL cannot be reached.",
    .remedy = "Check the name and port in the URL, the route, and the proxy in the environment."};
inline constexpr ErrorInfo transfer_tls{
    .id = "transfer.tls",
    .kind = Errc::untrusted,
    .meaning = "No trusted TLS connection to the server.",
    .remedy =
        "Check the device's clock and CA certificates, or use http: packages are verified "
        "by their own signature."};
inline constexpr ErrorInfo transfer_host_key{
    .id = "transfer.host_key",
    .kind = Errc::untrusted,
    .meaning = "The SSH server's key is not among those that the device knows.",
    .remedy =
        "Add the server's line, as `ssh-keyscan SERVER` prints it, to the file known_hosts in the "
        "device's folder, once you are sure that it is the server's."};
inline constexpr ErrorInfo transfer_bad_checksum{
    .id = "transfer.bad_checksum",
    .kind = Errc::invalid,
    .meaning = "A checksum is not what sha256sum prints: 64 lower-case hexadecimal digits.",
    .remedy = "Give the digits as sha256sum prints them, or none."};
inline constexpr ErrorInfo transfer_wrong_checksum{
    .id = "transfer.wrong_checksum",
    .kind = Errc::untrusted,
    .meaning = "The file has another checksum than the one that was given.",
    .remedy = "Find out whether the file or the checksum is the wrong one, then try again."};
inline constexpr ErrorInfo transfer_redirect{
    .id = "transfer.redirect",
    .kind = Errc::invalid,
    .meaning = "The server sends us on too often, or to something that is not http or https.",
    .remedy = "Use the URL at which the file really is."};
inline constexpr ErrorInfo transfer_timeout{
    .id = "transfer.timeout",
    .kind = Errc::timeout,
    .meaning = "The server sent nothing for too long.",
    .remedy = "Try again; [policy] transfer-timeout in device.toml sets how long is too long."};
inline constexpr ErrorInfo transfer_broken{
    .id = "transfer.broken",
    .kind = Errc::io,
    .meaning = "The connection broke, and again at every attempt to go on.",
    .remedy = "Check the network between device and server, then try again."};
inline constexpr ErrorInfo transfer_changed{
    .id = "transfer.changed",
    .kind = Errc::conflict,
    .meaning = "The file on the server was replaced while it was being read.",
    .remedy = "Try again, once the file on the server is final."};

}  // namespace cutover::errors
