// Documents: what an operator lays down for a namespace beside its members. Policies and contracts
// say what may happen, approvals what waits for a person. Each is one record, kept by the store as
// members are; every host of a pool has all of them in memory. Their text is canonical JSON, of
// which this folder knows no more.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>

#include "base/error.h"
#include "base/time.h"

namespace phoenix {

// The numbers are stored.
enum class DocumentKind : uint8_t { kPolicy = 1, kContract = 2, kApproval = 3 };
inline constexpr DocumentKind kLastDocumentKind = DocumentKind::kApproval;
// "policy", "contract", "approval".
std::string_view document_kind_name(DocumentKind kind);

inline constexpr size_t kMostDocuments = 10'000;  // of a pool, those forgotten left out
inline constexpr size_t kMaxDocumentBytes = size_t{256} * 1024;  // of one text

struct DocumentKey {
  DocumentKind kind = DocumentKind::kPolicy;
  std::string ns;
  std::string name;  // an id (base/names.h)
  auto operator<=>(const DocumentKey&) const = default;
  // "kind/namespace/name": the key of its row.
  std::string text() const;
};

struct Document {
  DocumentKey key;
  uint64_t revision = 0;  // +1 at every change, 1 at first; goes on where a name comes back
  std::string app;        // of which app it is a part; empty: of none
  std::string text;       // empty exactly where it is deleted
  bool deleted = false;   // stands so that who has not heard of it learns
  WallMs changed_at = 0;
  bool operator==(const Document&) const = default;
};
using DocumentPtr = std::shared_ptr<const Document>;

// A msgpack array, first element the form's version. Decoding trusts nothing.
std::string encode_document(const Document& document);
Result<Document> decode_document(std::string_view bytes);

}  // namespace phoenix
