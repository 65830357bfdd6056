// For this folder's tests: a throw-away authority and certificates signed by it, made on the spot.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace phoenix::testing {

// A directory that goes away with its owner.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "phoenix-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(file(name)) << content;
    return file(name);
  }

 private:
  std::string path_;
};

// An authority that issues P-256 certificates into a directory as NAME.pem and NAME.key.
class Authority {
 public:
  explicit Authority(const ScratchDirectory& directory, const std::string& name = "ca")
      : directory_(directory), name_(name) {
    key_ = EVP_EC_gen("P-256");
    certificate_ = make(name, key_, nullptr);
    save(name, certificate_, key_);
  }
  ~Authority() {
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  std::string file() const { return directory_.file(name_ + ".pem"); }
  void issue(const std::string& name) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = make(name, key, certificate_);
    save(name, certificate, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

 private:
  X509* make(const std::string& name, EVP_PKEY* key, X509* issuer) {
    X509* made = X509_new();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(made), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, key);
    X509_NAME* subject = X509_get_subject_name(made);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509* signer = issuer == nullptr ? made : issuer;
    X509_set_issuer_name(made, X509_get_subject_name(signer));
    if (issuer == nullptr) {
      X509V3_CTX context;
      X509V3_set_ctx(&context, made, made, nullptr, nullptr, 0);
      X509_EXTENSION* is_ca =
          X509V3_EXT_conf_nid(nullptr, &context, NID_basic_constraints, "critical,CA:TRUE");
      X509_add_ext(made, is_ca, -1);
      X509_EXTENSION_free(is_ca);
    }
    X509_sign(made, issuer == nullptr ? key : key_, EVP_sha256());
    return made;
  }
  void save(const std::string& name, X509* certificate, EVP_PKEY* key) {
    std::FILE* file = std::fopen(directory_.file(name + ".pem").c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
    file = std::fopen(directory_.file(name + ".key").c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
  }

  const ScratchDirectory& directory_;
  std::string name_;
  EVP_PKEY* key_ = nullptr;
  X509* certificate_ = nullptr;
  long serial_ = 0;
};

}  // namespace phoenix::testing
