#include "client/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>

namespace phoenix {
namespace {

std::string last_error(std::string_view what) {
  std::array<char, 256> text{};
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return std::string(what);
  const char* reason = ERR_reason_error_string(code);
  if (reason == nullptr) {
    ERR_error_string_n(code, text.data(), text.size());
    reason = text.data();
  }
  return std::string(what) + ": " + reason;
}

}  // namespace

struct TlsTrust::Impl {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> ctx{nullptr, &SSL_CTX_free};
};

TlsTrust::TlsTrust() : impl_(std::make_unique<Impl>()) {}
TlsTrust::~TlsTrust() = default;

Result<std::shared_ptr<const TlsTrust>> TlsTrust::create(const std::string& ca_file) {
  return create(ca_file, {}, {});
}

Result<std::shared_ptr<const TlsTrust>> TlsTrust::create(const std::string& ca_file,
                                                         const std::string& certificate_file,
                                                         const std::string& key_file) {
  std::shared_ptr<TlsTrust> made(new TlsTrust());
  made->impl_->ctx.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* ctx = made->impl_->ctx.get();
  if (ctx == nullptr) return fail(ErrorKind::kInternal, last_error("TLS cannot be set up"));
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(ctx);
  } else if (SSL_CTX_load_verify_locations(ctx, ca_file.c_str(), nullptr) != 1) {
    return invalid("flag:--tls-ca", "'" + ca_file + "' holds no certificates in PEM form (" +
                                        last_error("reading it") + ")");
  }
  if (!certificate_file.empty() &&
      (SSL_CTX_use_certificate_chain_file(ctx, certificate_file.c_str()) != 1 ||
       SSL_CTX_use_PrivateKey_file(ctx, key_file.c_str(), SSL_FILETYPE_PEM) != 1)) {
    return invalid("flag:--tls-cert", "'" + certificate_file + "' and its key cannot be used (" +
                                          last_error("reading them") + ")");
  }
  return std::shared_ptr<const TlsTrust>(made);
}

struct TlsDialogue::Impl {
  std::shared_ptr<const TlsTrust> context;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{nullptr, &SSL_free};
  BIO* in = nullptr;   // owned by ssl
  BIO* out = nullptr;  // owned by ssl
  std::string waiting;
  std::string error;
  bool closed = false;

  bool drain_out(std::string& wire) {
    std::array<char, 16 * 1024> part{};
    int n = 0;
    while ((n = BIO_read(out, part.data(), static_cast<int>(part.size()))) > 0) {
      wire.append(part.data(), static_cast<std::size_t>(n));
    }
    return true;
  }
  // Handshake, then whatever waits to be sent.
  bool advance(std::string& wire) {
    if (!SSL_is_init_finished(ssl.get())) {
      ERR_clear_error();
      const int done = SSL_do_handshake(ssl.get());
      if (done != 1 && SSL_get_error(ssl.get(), done) != SSL_ERROR_WANT_READ) {
        const long verdict = SSL_get_verify_result(ssl.get());
        error = verdict == X509_V_OK ? last_error("TLS handshake failed")
                                     : std::string("the host's certificate is refused: ") +
                                           X509_verify_cert_error_string(verdict);
        ERR_clear_error();
        drain_out(wire);
        return false;
      }
    }
    while (SSL_is_init_finished(ssl.get()) && !waiting.empty()) {
      ERR_clear_error();
      const int chunk = static_cast<int>(std::min<std::size_t>(waiting.size(), 1U << 30U));
      const int n = SSL_write(ssl.get(), waiting.data(), chunk);
      if (n <= 0) {
        if (SSL_get_error(ssl.get(), n) == SSL_ERROR_WANT_READ) break;
        error = last_error("TLS write failed");
        return false;
      }
      waiting.erase(0, static_cast<std::size_t>(n));
    }
    return drain_out(wire);
  }
};

TlsDialogue::TlsDialogue(std::shared_ptr<const TlsTrust> context, const std::string& host)
    : impl_(std::make_unique<Impl>()) {
  impl_->context = std::move(context);
  impl_->ssl.reset(SSL_new(impl_->context->impl_->ctx.get()));
  SSL* ssl = impl_->ssl.get();
  impl_->in = BIO_new(BIO_s_mem());
  impl_->out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, impl_->in, impl_->out);
  SSL_set_connect_state(ssl);
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) != 1) {
    ERR_clear_error();
    SSL_set1_host(ssl, host.c_str());
    SSL_set_tlsext_host_name(ssl, host.c_str());
  }
}

TlsDialogue::~TlsDialogue() = default;

bool TlsDialogue::receive(std::string_view from_wire, std::string& plain, std::string& wire) {
  if (!from_wire.empty()) {
    BIO_write(impl_->in, from_wire.data(), static_cast<int>(from_wire.size()));
  }
  if (!impl_->advance(wire)) return false;
  std::array<char, 16 * 1024> part{};
  while (SSL_is_init_finished(impl_->ssl.get())) {
    ERR_clear_error();
    const int n = SSL_read(impl_->ssl.get(), part.data(), static_cast<int>(part.size()));
    if (n > 0) {
      plain.append(part.data(), static_cast<std::size_t>(n));
      continue;
    }
    const int why = SSL_get_error(impl_->ssl.get(), n);
    if (why == SSL_ERROR_ZERO_RETURN) impl_->closed = true;
    if (why != SSL_ERROR_ZERO_RETURN && why != SSL_ERROR_WANT_READ) {
      impl_->error = last_error("TLS read failed");
      return false;
    }
    break;
  }
  return impl_->advance(wire);
}

bool TlsDialogue::send(std::string_view plain, std::string& wire) {
  impl_->waiting.append(plain);
  return impl_->advance(wire);
}

bool TlsDialogue::established() const { return SSL_is_init_finished(impl_->ssl.get()); }
bool TlsDialogue::closed() const { return impl_->closed; }
const std::string& TlsDialogue::error() const { return impl_->error; }

}  // namespace phoenix
