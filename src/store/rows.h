// What all stores must do alike: which packets a filter takes, the event of a member's change,
// when content may go, and the stored forms of a tombstone and a digest.
#pragma once

#include <string>
#include <string_view>

#include "store/store.h"

namespace phoenix {

bool matches(const PacketFilter& filter, const Packet& head);
// The namespace part alone, which needs no head.
bool matches_namespace(const PacketFilter& filter, const PacketKey& key);

// One line of the events for a member's record; epoch is the member's incarnation.
HistoryEntry member_entry(const PutMember& op);

// The same for a document.
HistoryEntry document_entry(const PutDocument& op);

// How long a deleted approval is kept, so that whoever has not heard of it learns. Its name is
// given once only; those of policies and contracts come back, so these stay, for their revisions go
// on.
inline constexpr WallMs kDeletedApprovalMs = 24LL * 3600 * 1000;
bool may_forget(const Document& document);

// When the content of a terminal packet may go; 0 for a live one.
WallMs content_due(const Packet& head);

// Of bytes as they were stored; missing ones are 0.
Digest digest_of_bytes(std::string_view bytes);

// A msgpack array, first element the form's version.
std::string encode_tombstone(const Tombstone& tombstone);
Result<Tombstone> decode_tombstone(std::string_view key, std::string_view bytes);

}  // namespace phoenix
