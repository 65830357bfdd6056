#include "net/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fstream>

namespace phoenix {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using SslContext = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Deleter<SSL_free>>;

// OpenSSL's own socket BIO raises SIGPIPE; this one does not.
int bio_write(BIO* bio, const char* data, int size) {
  const auto fd = static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio)));
  BIO_clear_retry_flags(bio);
  const ssize_t count = ::send(fd, data, static_cast<size_t>(size), MSG_NOSIGNAL);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(count);
}

int bio_read(BIO* bio, char* into, int size) {
  const auto fd = static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio)));
  BIO_clear_retry_flags(bio);
  const ssize_t count = ::recv(fd, into, static_cast<size_t>(size), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(count);
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

const BIO_METHOD* socket_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "phoenix socket");
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(Ssl ssl, Fd fd) : ssl_(std::move(ssl)), fd_(std::move(fd)) {}

  IoStatus handshake() override {
    ERR_clear_error();
    const int code = SSL_do_handshake(ssl_.get());
    if (code == 1) return IoStatus::kOk;
    const IoStatus status = status_of(code);
    const unsigned long error = ERR_peek_error();
    plain_ = ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST;
    ERR_clear_error();
    return status == IoStatus::kEnd ? IoStatus::kError : status;
  }

  IoResult read(std::span<char> into) override {
    ERR_clear_error();
    const int size = static_cast<int>(std::min<size_t>(into.size(), INT_MAX));
    const int count = SSL_read(ssl_.get(), into.data(), size);
    if (count > 0) return {IoStatus::kOk, static_cast<size_t>(count)};
    return {status_of(count), 0};
  }

  IoResult write(std::span<const std::string_view> parts) override {
    size_t written = 0;
    for (const std::string_view part : parts) {
      for (size_t done = 0; done < part.size();) {
        ERR_clear_error();
        const int size = static_cast<int>(std::min<size_t>(part.size() - done, INT_MAX));
        const int count = SSL_write(ssl_.get(), part.data() + done, size);
        if (count <= 0) {
          if (written > 0) return {IoStatus::kOk, written};
          const IoStatus status = status_of(count);
          return {status == IoStatus::kEnd ? IoStatus::kError : status, 0};
        }
        done += static_cast<size_t>(count);
        written += static_cast<size_t>(count);
      }
    }
    return {IoStatus::kOk, written};
  }

  void finish_writing() override {
    ERR_clear_error();
    if (SSL_is_init_finished(ssl_.get()) != 0) SSL_shutdown(ssl_.get());
    ERR_clear_error();
    ::shutdown(fd_.get(), SHUT_WR);
  }

  Fd take_plain() override { return plain_ ? std::move(fd_) : Fd(); }
  int fd() const override { return fd_.get(); }

  std::string client_subject() const override {
    X509* certificate = verified();
    if (certificate == nullptr) return {};
    BIO* memory = BIO_new(BIO_s_mem());
    if (memory == nullptr) return {};
    X509_NAME_print_ex(memory, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    std::string subject(data, size > 0 ? static_cast<size_t>(size) : 0);
    BIO_free(memory);
    return subject;
  }

  std::vector<std::string> peer_names() const override {
    X509* certificate = verified();
    if (certificate == nullptr) return {};
    std::vector<std::string> names;
    const X509_NAME* subject = X509_get_subject_name(certificate);
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
      add_text(names, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    }
    auto* others = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int at = 0; at < sk_GENERAL_NAME_num(others); ++at) {
      const GENERAL_NAME* name = sk_GENERAL_NAME_value(others, at);
      if (name->type == GEN_DNS) add_text(names, name->d.dNSName);
    }
    GENERAL_NAMES_free(others);
    return names;
  }

 private:
  static void add_text(std::vector<std::string>& names, const ASN1_STRING* text) {
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, text);
    if (size < 0) return;
    names.emplace_back(reinterpret_cast<const char*>(utf8), static_cast<size_t>(size));
    OPENSSL_free(utf8);
  }
  X509* verified() const {
    if (SSL_get_verify_result(ssl_.get()) != X509_V_OK) return nullptr;
    return SSL_get0_peer_certificate(ssl_.get());
  }

  IoStatus status_of(int code) {
    switch (SSL_get_error(ssl_.get(), code)) {
      case SSL_ERROR_WANT_READ:
        return IoStatus::kWantRead;
      case SSL_ERROR_WANT_WRITE:
        return IoStatus::kWantWrite;
      case SSL_ERROR_ZERO_RETURN:
        return IoStatus::kEnd;
      default:
        break;
    }
    // Many clients close without the notice that TLS asks for. HTTP knows by itself where a
    // message ends, so a cut is no danger here.
    const unsigned long error = ERR_peek_error();
    const bool cut = ERR_GET_LIB(error) == ERR_LIB_SSL &&
                     ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    return cut ? IoStatus::kEnd : IoStatus::kError;
  }

  Ssl ssl_;
  Fd fd_;
  bool plain_ = false;
};

class Context final : public TlsContext {
 public:
  Context(SslContext context, bool authority)
      : context_(std::move(context)), authority_(authority) {}

  std::unique_ptr<Transport> accept(Fd fd) override { return make(std::move(fd), false); }
  std::unique_ptr<Transport> dial(Fd fd) override {
    return authority_ ? make(std::move(fd), true) : nullptr;
  }

 private:
  std::unique_ptr<Transport> make(Fd fd, bool dials) {
    Ssl ssl(SSL_new(context_.get()));
    BIO* bio = BIO_new(socket_method());
    if (ssl == nullptr || bio == nullptr) {
      BIO_free(bio);
      return nullptr;
    }
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(fd.get())));
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl.get(), bio, bio);
    dials ? SSL_set_connect_state(ssl.get()) : SSL_set_accept_state(ssl.get());
    return std::make_unique<TlsTransport>(std::move(ssl), std::move(fd));
  }

  SslContext context_;
  bool authority_;  // whose certificates the other end must show
};

tl::unexpected<Error> bad_file(std::string_view what, const std::string& path) {
  std::string reason;
  if (!std::ifstream(path).good()) {
    reason = std::strerror(errno);
  } else {
    std::array<char, 256> text = {};
    ERR_error_string_n(ERR_peek_error(), text.data(), text.size());
    const char* plain = ERR_reason_error_string(ERR_peek_error());
    reason = plain != nullptr ? plain : text.data();
  }
  ERR_clear_error();
  return fail(ErrorKind::kInvalidRequest, "cannot use the " + std::string(what) + " \"" + path +
                                              "\": " + reason + "; a PEM file is needed");
}

bool set_versions(SSL_CTX* context) {
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  // Only forward secret suites with AEAD for TLS 1.2; those of TLS 1.3 all are.
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}

// A key with a passphrase must fail and not ask on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::load(const TlsFiles& files) {
  ERR_clear_error();
  SslContext context(SSL_CTX_new(TLS_method()));
  if (context == nullptr || !set_versions(context.get())) {
    return fail(ErrorKind::kInternal, "OpenSSL cannot set up TLS 1.2");
  }
  SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1) {
    return bad_file("certificate", files.certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return bad_file("key", files.key);
  }
  if (SSL_CTX_check_private_key(context.get()) != 1) {
    ERR_clear_error();
    return fail(ErrorKind::kInvalidRequest, "the key \"" + files.key +
                                                "\" does not belong to the certificate \"" +
                                                files.certificate + "\"");
  }
  if (!files.client_ca.empty()) {
    if (SSL_CTX_load_verify_locations(context.get(), files.client_ca.c_str(), nullptr) != 1) {
      return bad_file("client CA", files.client_ca);
    }
    SSL_CTX_set_client_CA_list(context.get(), SSL_load_client_CA_file(files.client_ca.c_str()));
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    // Needed for resumed sessions with client certificates: which service they belong to.
    static constexpr unsigned char kService[] = "phoenix";
    SSL_CTX_set_session_id_context(context.get(), kService, sizeof kService - 1);
  }
  return std::make_shared<Context>(std::move(context), !files.client_ca.empty());
}

}  // namespace phoenix
