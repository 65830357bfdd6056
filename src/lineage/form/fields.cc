#include "lineage/form/fields.h"

#include <algorithm>

#include "base/key.h"
#include "lineage/crypto/sha256.h"

namespace phoenix::lineage::fields {

void put_digest_or_nil(MsgpackWriter& out, const std::optional<Digest>& digest) {
  if (digest) {
    out.digest(*digest);
  } else {
    out.nil();
  }
}
void put_key(MsgpackWriter& out, const PublicKey& key) { out.bin(key.view()); }

void put_party(MsgpackWriter& out, const Party& party) {
  out.array(2);
  out.str(party.id);
  out.uint(party.incarnation);
}

void put_names(MsgpackWriter& out, const std::vector<std::string>& names) {
  out.array(static_cast<uint32_t>(names.size()));
  for (const std::string& name : names) out.str(name);
}

void put_bytes_or_nil(MsgpackWriter& out, std::string_view bytes) {
  if (bytes.empty()) {
    out.nil();
  } else {
    out.bin(bytes);
  }
}

void put_text_or_nil(MsgpackWriter& out, std::string_view text) {
  if (text.empty()) {
    out.nil();
  } else {
    out.str(text);
  }
}

std::optional<Digest> take_digest_or_nil(MsgpackReader& in) {
  if (!in.next_is_nil()) return in.digest();
  in.nil();
  return std::nullopt;
}

PublicKey take_key(MsgpackReader& in) {
  PublicKey key;
  if (!PublicKey::from_bytes(in.bin(), key)) in.reject();
  return key;
}

Party take_party(MsgpackReader& in) {
  Party party;
  in.array_of(2);
  party.id = take_id(in);
  party.incarnation = in.uint();
  return party;
}

std::vector<std::string> take_names(MsgpackReader& in) {
  const uint32_t size = in.array();
  if (size > kMaxNames) in.reject();
  std::vector<std::string> names;
  for (uint32_t i = 0; i < size && in.ok(); ++i) {
    names.push_back(take_name(in));
    if (i > 0 && !(names[i - 1] < names[i])) in.reject();
  }
  return names;
}

std::string take_id(MsgpackReader& in) {
  const std::string_view id = in.str();
  if (!valid_id(id)) in.reject();
  return std::string(id);
}

std::string take_id_or_nil(MsgpackReader& in) {
  if (!in.next_is_nil()) return take_id(in);
  in.nil();
  return {};
}

std::string take_name(MsgpackReader& in) {
  const std::string_view name = in.str();
  if (!valid_name(name)) in.reject();
  return std::string(name);
}

std::string take_bytes_or_nil(MsgpackReader& in) {
  if (in.next_is_nil()) {
    in.nil();
    return {};
  }
  const std::string_view bytes = in.bin();
  if (bytes.empty()) in.reject();
  return std::string(bytes);
}

void take_head(MsgpackReader& in, uint32_t elements) {
  in.array_of(elements);
  if (in.uint() != kVersion) in.reject();
}

tl::unexpected<Error> bad_form(std::string_view what, size_t size) {
  Error error;
  error.kind = ErrorKind::kInvalidRequest;
  error.reason_code = "bad-form";
  error.detail =
      "these " + std::to_string(size) + " bytes are no " + std::string(what) + " in its one form";
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace phoenix::lineage::fields
