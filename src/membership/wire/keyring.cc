#include "membership/wire/keyring.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>

namespace phoenix::gossip {
namespace {

constexpr size_t kMaxKeys = 32;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kBlockBytes = 16;  // of the padding of version 0
constexpr char kPadded = 0;
constexpr char kUnpadded = 1;

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw(char* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

struct CipherFree {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
};
struct ContextFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

// Fetching is what is expensive in OpenSSL 3, so it is done once.
const EVP_CIPHER* cipher_for(size_t key_bytes) {
  using Cipher = std::unique_ptr<EVP_CIPHER, CipherFree>;
  static const std::array<Cipher, 3> ciphers = {
      Cipher(EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr)),
      Cipher(EVP_CIPHER_fetch(nullptr, "AES-192-GCM", nullptr)),
      Cipher(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr))};
  return ciphers[(key_bytes - 16) / 8].get();
}

EVP_CIPHER_CTX* context() {
  thread_local const std::unique_ptr<EVP_CIPHER_CTX, ContextFree> own(EVP_CIPHER_CTX_new());
  return own.get();
}

bool well_sized(std::string_view key) {
  return key.size() == 16 || key.size() == 24 || key.size() == 32;
}

// `sealed` is nonce, ciphertext and tag. `plain` is left at the size of the ciphertext.
bool open_with(std::string_view key, std::string_view sealed, std::string_view aad,
               std::string& plain) {
  const std::string_view nonce = sealed.substr(0, kNonceBytes);
  const std::string_view text = sealed.substr(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  // OpenSSL wants a pointer to what may change, and does not change it.
  std::array<char, kTagBytes> tag{};
  std::copy(sealed.end() - kTagBytes, sealed.end(), tag.begin());
  EVP_CIPHER_CTX* ctx = context();
  plain.resize(text.size());
  int done = 0;
  return EVP_DecryptInit_ex2(ctx, cipher_for(key.size()), raw(key), raw(nonce), nullptr) == 1 &&
         (aad.empty() ||
          EVP_DecryptUpdate(ctx, nullptr, &done, raw(aad), static_cast<int>(aad.size())) == 1) &&
         EVP_DecryptUpdate(ctx, raw(plain.data()), &done, raw(text),
                           static_cast<int>(text.size())) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(ctx, raw(plain.data()) + done, &done) == 1;
}

bool strip_padding(std::string& plain) {
  if (plain.empty() || plain.size() % kBlockBytes != 0) return false;
  const auto padding = static_cast<uint8_t>(plain.back());
  if (padding == 0 || padding > kBlockBytes) return false;
  plain.resize(plain.size() - padding);
  return true;
}

}  // namespace

std::array<uint8_t, 12> Nonces::next() {
  std::array<uint8_t, 12> out{};
  uint64_t life = count_ >> 32;
  for (size_t i = 0; i < life_.size(); ++i) life += uint64_t{life_[i]} << (8 * i);
  for (size_t i = 0; i < 8; ++i) out[i] = static_cast<uint8_t>(life >> (8 * i));
  for (size_t i = 0; i < 4; ++i) out[8 + i] = static_cast<uint8_t>(count_ >> (8 * i));
  ++count_;
  return out;
}

Result<void> Keyring::install(std::string_view key) {
  if (!well_sized(key)) {
    return invalid("key", fmt::format("{} bytes; a gossip key has 16, 24 or 32", key.size()));
  }
  if (std::find(keys_.begin(), keys_.end(), key) != keys_.end()) return {};
  if (keys_.size() == kMaxKeys) {
    return fail(ErrorKind::kTooLarge,
                fmt::format("the keyring holds {} keys; remove one first", kMaxKeys));
  }
  keys_.emplace_back(key);
  return {};
}

Result<void> Keyring::use(std::string_view key) {
  const auto found = std::find(keys_.begin(), keys_.end(), key);
  if (found == keys_.end()) {
    return fail(ErrorKind::kNotFound, "the key is not in the keyring; install it first");
  }
  std::rotate(keys_.begin(), found, found + 1);
  return {};
}

Result<void> Keyring::remove(std::string_view key) {
  const auto found = std::find(keys_.begin(), keys_.end(), key);
  if (found == keys_.end()) return {};
  if (found == keys_.begin()) {
    return fail(ErrorKind::kWrongState, "the primary key cannot be removed; use another one first");
  }
  keys_.erase(found);
  return {};
}

std::string encrypt(std::string_view plain, std::string_view key, std::string_view aad,
                    const std::array<uint8_t, 12>& nonce) {
  std::string out;
  if (!well_sized(key)) return out;
  out.resize(1 + kNonceBytes + plain.size() + kTagBytes);
  out[0] = kUnpadded;
  std::copy(nonce.begin(), nonce.end(), out.begin() + 1);
  char* text = out.data() + 1 + kNonceBytes;
  EVP_CIPHER_CTX* ctx = context();
  int done = 0;
  const bool sealed =
      EVP_EncryptInit_ex2(ctx, cipher_for(key.size()), raw(key), nonce.data(), nullptr) == 1 &&
      (aad.empty() ||
       EVP_EncryptUpdate(ctx, nullptr, &done, raw(aad), static_cast<int>(aad.size())) == 1) &&
      EVP_EncryptUpdate(ctx, raw(text), &done, raw(plain), static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(ctx, raw(text) + done, &done) == 1 &&
      EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, kTagBytes, text + plain.size()) == 1;
  if (!sealed) out.clear();
  return out;
}

bool decrypt(std::string_view sealed, const Keyring& keyring, std::string_view aad,
             std::string& plain) {
  plain.clear();
  if (sealed.size() < kSealOverhead) return false;
  const char version = sealed[0];
  if (version != kPadded && version != kUnpadded) return false;
  const std::string_view rest = sealed.substr(1);
  if (version == kPadded && (rest.size() - kNonceBytes - kTagBytes) % kBlockBytes != 0) {
    return false;
  }
  for (const std::string& key : keyring.keys()) {
    if (!open_with(key, rest, aad, plain)) continue;
    if (version == kUnpadded || strip_padding(plain)) return true;
    break;
  }
  // What did not authenticate must not be looked at.
  plain.clear();
  return false;
}

}  // namespace phoenix::gossip
