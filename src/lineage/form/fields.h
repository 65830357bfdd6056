// Fields that several forms share: how each is written, and what its reader takes. Private to this
// folder. A reader that meets a wrong value rejects, and the decoder asks once at its end.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/msgpack.h"
#include "lineage/crypto/key.h"
#include "lineage/form/statements.h"

namespace phoenix::lineage::fields {

inline constexpr uint64_t kVersion = 1;

void put_digest_or_nil(MsgpackWriter& out, const std::optional<Digest>& digest);
void put_key(MsgpackWriter& out, const PublicKey& key);
void put_party(MsgpackWriter& out, const Party& party);
void put_names(MsgpackWriter& out, const std::vector<std::string>& names);
// Empty bytes or text as nil.
void put_bytes_or_nil(MsgpackWriter& out, std::string_view bytes);
void put_text_or_nil(MsgpackWriter& out, std::string_view text);

std::optional<Digest> take_digest_or_nil(MsgpackReader& in);
PublicKey take_key(MsgpackReader& in);
Party take_party(MsgpackReader& in);
// Sorted bytewise, unique, at most kMaxNames.
std::vector<std::string> take_names(MsgpackReader& in);
std::string take_id(MsgpackReader& in);
std::string take_id_or_nil(MsgpackReader& in);
// 1..255 bytes of UTF-8 without control characters.
std::string take_name(MsgpackReader& in);
std::string take_bytes_or_nil(MsgpackReader& in);
// An array of exactly that many elements, the first of them the version.
void take_head(MsgpackReader& in, uint32_t elements);

tl::unexpected<Error> bad_form(std::string_view what, size_t size);

}  // namespace phoenix::lineage::fields
