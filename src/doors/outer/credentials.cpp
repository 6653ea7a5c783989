#include "doors/outer/credentials.h"

#include <array>
#include <cstddef>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/grpc_security_constants.h>
#include <grpc/slice.h>
#include <grpc/status.h>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/server_credentials.h>

#include "access/errors.h"
#include "base/error.h"
#include "base/utf8.h"
#include "doors/outer/errors.h"
#include "doors/outer/gate.h"
#include "doors/outer/tls_files.h"
#include "model/security_config.h"

namespace cutover {
namespace {

constexpr const char* kPassword = "password";
constexpr std::size_t kMaxNames = 64;
constexpr std::size_t kMaxTextBytes = 1024;

std::string text_of(const grpc_slice& slice) {
    // GRPC_SLICE_START_PTR is C.
    const auto* const begin =
        slice.refcount != nullptr ? slice.data.refcounted.bytes : &slice.data.inlined.bytes[0];
    const std::size_t length =
        slice.refcount != nullptr ? slice.data.refcounted.length : slice.data.inlined.length;
    return {begin, begin + length};
}

// Names of a certificate that was verified: SANs, then the common name.
std::vector<std::string> names_of(const grpc_auth_context* context) {
    std::vector<std::string> names;
    for (const auto* const kind : {GRPC_X509_SAN_PROPERTY_NAME, GRPC_X509_CN_PROPERTY_NAME}) {
        auto each = grpc_auth_context_find_properties_by_name(context, kind);
        while (const auto* const property = grpc_auth_property_iterator_next(&each))
            if (names.size() < kMaxNames)
                names.emplace_back(property->value, property->value_length);
    }
    return names;
}

Question question_of(const grpc_auth_context* context, const grpc_metadata* metadata,
                     std::size_t count) {
    Question question{.certificate_names = names_of(context), .connection = context};
    int users = 0;
    int passwords = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto& entry = metadata[i];  // NOLINT(*-pointer-arithmetic): an array of C
        const auto key = text_of(entry.key);
        if (key == ":path") question.method = text_of(entry.value);
        if (key == "username") {
            ++users;
            if (auto user = text_of(entry.value); !user.empty()) question.user = std::move(user);
        }
        if (key == kPassword) {
            ++passwords;
            question.password = text_of(entry.value);
        }
    }
    question.unclear = users > 1 || passwords > 1;
    return question;
}

grpc_status_code code_of(const Error& error) {
    if (error.id == errors::access_role.id) return GRPC_STATUS_PERMISSION_DENIED;
    if (error.id == errors::access_too_many.id || error.id == errors::access_busy.id ||
        error.id == errors::door_busy.id)
        return GRPC_STATUS_RESOURCE_EXHAUSTED;
    if (error.id == errors::door_closing.id) return GRPC_STATUS_UNAVAILABLE;
    return GRPC_STATUS_UNAUTHENTICATED;
}

void answer(const Result<>& may_go_on, grpc_process_auth_metadata_done_cb done, void* call) {
    if (may_go_on) {
        // Handlers see no password; the user's name is taken from them later.
        const std::array taken{grpc_metadata{.key = grpc_slice_from_static_string(kPassword),
                                             .value = grpc_empty_slice(),
                                             .internal_data = {}}};
        done(call, taken.data(), taken.size(), nullptr, 0, GRPC_STATUS_OK, nullptr);
        return;
    }
    const auto& error = may_go_on.error();
    const auto text = clipped_utf8(
        valid_utf8(fmt::format("[{}] {}; remedy: {}", error.id, error.text(), error.remedy)),
        kMaxTextBytes);
    done(call, nullptr, 0, nullptr, 0, code_of(error), text.c_str());
}

// A grpc::ServerCredentials over gRPC's C interface: the one of C++ takes no processor where there
// is no encryption, and no certificates that change.
class PlaceCredentials final : public grpc::ServerCredentials {
public:
    PlaceCredentials(Place& place, Gate& gate, TlsFiles* tls, ClientCertificates clients)
        : place_(place), gate_(gate), tls_(tls) {
        made_ = tls_ ? grpc_ssl_server_credentials_create_with_options(
                           grpc_ssl_server_credentials_create_options_using_config_fetcher(
                               request_of(clients), &PlaceCredentials::fetch, this))
                     : grpc_insecure_server_credentials_create();
        grpc_server_credentials_set_auth_metadata_processor(
            made_, {.process = &PlaceCredentials::process, .destroy = nullptr, .state = this});
    }
    ~PlaceCredentials() override { grpc_server_credentials_release(made_); }
    PlaceCredentials(const PlaceCredentials&) = delete;
    PlaceCredentials& operator=(const PlaceCredentials&) = delete;

    // Nobody may replace the one that asks at the gate.
    void SetAuthMetadataProcessor(
        const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

private:
    int AddPortToServer(const std::string& address, grpc_server* server) override {
        return grpc_server_add_http2_port(server, address.c_str(), made_);
    }

    static grpc_ssl_client_certificate_request_type request_of(ClientCertificates clients) {
        switch (clients) {
            case ClientCertificates::none: return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
            case ClientCertificates::accepted:
                return GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
            case ClientCertificates::required:
                return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
        }
        std::unreachable();
    }

    static void process(void* state, grpc_auth_context* context, const grpc_metadata* metadata,
                        std::size_t count, grpc_process_auth_metadata_done_cb done, void* call) {
        const auto& self = *static_cast<PlaceCredentials*>(state);
        self.gate_.ask(self.place_, question_of(context, metadata, count),
                       [done, call](const Result<>& may) { answer(may, done, call); });
    }

    // At the start, and before each handshake; never two at a time.
    static grpc_ssl_certificate_config_reload_status fetch(
        void* state, grpc_ssl_server_certificate_config** config) {
        auto& self = *static_cast<PlaceCredentials*>(state);
        auto newest = self.tls_->newest();
        if (newest == self.offered_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
        const grpc_ssl_pem_key_cert_pair pair{.private_key = newest->key.c_str(),
                                              .cert_chain = newest->certificate.c_str()};
        *config = grpc_ssl_server_certificate_config_create(
            newest->client_ca.empty() ? nullptr : newest->client_ca.c_str(), &pair, 1);
        self.offered_ = std::move(newest);
        return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
    }

    Place& place_;
    Gate& gate_;
    TlsFiles* const tls_;
    grpc_server_credentials* made_ = nullptr;
    std::shared_ptr<const TlsFiles::Content> offered_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> credentials_of(Place& place, Gate& gate, TlsFiles* tls,
                                                        ClientCertificates clients) {
    return std::make_shared<PlaceCredentials>(place, gate, tls, clients);
}

}  // namespace cutover
