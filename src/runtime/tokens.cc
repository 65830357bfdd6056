#include "runtime/tokens.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <charconv>

namespace phoenix {
namespace {

constexpr std::string_view kPrefix = "pst.";

std::string base64url(const uint8_t* bytes, size_t size) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  uint32_t bits = 0;
  int count = 0;
  for (size_t i = 0; i < size; ++i) {
    bits = bits << 8 | bytes[i];
    count += 8;
    while (count >= 6) {
      count -= 6;
      text += kDigits[bits >> count & 63];
    }
  }
  if (count > 0) text += kDigits[bits << (6 - count) & 63];
  return text;
}

Digest hmac_of(const std::array<uint8_t, 32>& key, std::string_view text) {
  Digest mac{};
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), nullptr);
  return mac;
}

}  // namespace

std::string make_session_token(const std::array<uint8_t, 32>& key, std::string_view session,
                               uint64_t generation) {
  std::string token(kPrefix);
  token.append(session).append(1, '.').append(std::to_string(generation));
  const std::string mac = base64url(hmac_of(key, token).data(), 16);
  return token + "." + mac;
}

std::optional<std::pair<std::string, uint64_t>> read_session_token(
    const std::array<uint8_t, 32>& key, std::string_view token) {
  if (token.size() > 400 || !token.starts_with(kPrefix)) return std::nullopt;
  const size_t mac = token.rfind('.');
  const size_t number = mac == 0 ? std::string_view::npos : token.rfind('.', mac - 1);
  if (number == std::string_view::npos || number < kPrefix.size()) return std::nullopt;
  const std::string_view session = token.substr(kPrefix.size(), number - kPrefix.size());
  const std::string_view digits = token.substr(number + 1, mac - number - 1);
  uint64_t generation = 0;
  const auto [end, fault] =
      std::from_chars(digits.data(), digits.data() + digits.size(), generation);
  if (fault != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  const std::string wanted = make_session_token(key, session, generation);
  if (wanted.size() != token.size() ||
      CRYPTO_memcmp(wanted.data(), token.data(), wanted.size()) != 0) {
    return std::nullopt;
  }
  return std::make_pair(std::string(session), generation);
}

Digest make_challenge(const std::array<uint8_t, 32>& key, std::string_view subject, WallMs end) {
  Digest challenge{};
  auto bits = static_cast<uint64_t>(end);
  for (size_t i = 8; i-- > 0; bits >>= 8) challenge[i] = static_cast<uint8_t>(bits);
  std::string text = "challenge.";
  text.append(reinterpret_cast<const char*>(challenge.data()), 8).append(subject);
  const Digest mac = hmac_of(key, text);
  std::copy_n(mac.begin(), challenge.size() - 8, challenge.begin() + 8);
  return challenge;
}

bool is_challenge(const std::array<uint8_t, 32>& key, std::string_view subject,
                  const Digest& challenge, WallMs now) {
  uint64_t end = 0;
  for (size_t i = 0; i < 8; ++i) end = end << 8 | challenge[i];
  if (end > INT64_MAX || static_cast<WallMs>(end) < now) return false;
  const Digest wanted = make_challenge(key, subject, static_cast<WallMs>(end));
  return CRYPTO_memcmp(wanted.data(), challenge.data(), wanted.size()) == 0;
}

std::string make_ulid(int64_t wall_ms, const std::array<uint8_t, 10>& random) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string text(26, '0');
  uint64_t time = static_cast<uint64_t>(wall_ms);
  for (size_t i = 10; i-- > 0; time >>= 5) text[i] = kDigits[time & 31];
  for (size_t part = 0; part < 2; ++part) {
    uint64_t bits = 0;
    for (size_t i = 0; i < 5; ++i) bits = bits << 8 | random[part * 5 + i];
    for (size_t i = 8; i-- > 0; bits >>= 5) text[10 + part * 8 + i] = kDigits[bits & 31];
  }
  return text;
}

}  // namespace phoenix
