#include "runtime/gossip/key_file.h"

#include <openssl/evp.h>

#include <algorithm>

#include "runtime/files.h"

namespace phoenix::gossip {
namespace {

constexpr size_t kMaxKeys = 32;
constexpr size_t kMaxFile = 16'384;
constexpr size_t kMaxLine = 64;

// Empty: no base64 of a key's length.
std::string decode_key(std::string_view line) {
  if (line.size() > kMaxLine || line.size() % 4 != 0) return {};
  std::string raw(line.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(raw.data()),
                                   reinterpret_cast<const unsigned char*>(line.data()),
                                   static_cast<int>(line.size()));
  if (size < 0) return {};
  const auto padding = static_cast<size_t>(std::count(line.begin(), line.end(), '='));
  if (padding > 2) return {};
  raw.resize(static_cast<size_t>(size) - padding);
  return raw.size() == 16 || raw.size() == 24 || raw.size() == 32 ? raw : std::string();
}

std::string_view trimmed(std::string_view line) {
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == '\t')) {
    line.remove_suffix(1);
  }
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  return line;
}

}  // namespace

Result<std::vector<std::string>> parse_keys(std::string_view text) {
  std::vector<std::string> keys;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    std::string key = decode_key(line);
    if (key.empty()) {
      return fail(ErrorKind::kInvalidRequest,
                  "line " + std::to_string(number) +
                      " is no key: base64 of 16, 24 or 32 bytes, as `serf keygen` prints");
    }
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    if (keys.size() == kMaxKeys) {
      return fail(ErrorKind::kInvalidRequest,
                  "more than " + std::to_string(kMaxKeys) + " keys; remove those out of use");
    }
    keys.push_back(std::move(key));
  }
  if (keys.empty()) {
    return fail(ErrorKind::kInvalidRequest, "there is no key in it; `serf keygen` makes one");
  }
  return keys;
}

std::string render_keys(const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys) {
    std::string line((key.size() + 2) / 3 * 4 + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(line.data()),
                                     reinterpret_cast<const unsigned char*>(key.data()),
                                     static_cast<int>(key.size()));
    text.append(line, 0, static_cast<size_t>(size)).append(1, '\n');
  }
  return text;
}

Result<std::vector<std::string>> read_key_file(const std::string& path) {
  const auto text = read_whole(path, kMaxFile);
  if (!text) return fail(ErrorKind::kInvalidRequest, text.error().detail);
  if (!*text) return fail(ErrorKind::kInvalidRequest, "there is no file " + path);
  auto keys = parse_keys(**text);
  if (!keys) return fail(ErrorKind::kInvalidRequest, path + ": " + keys.error().detail);
  return keys;
}

}  // namespace phoenix::gossip
