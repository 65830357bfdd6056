#include "directory/document.h"

#include <array>

#include "base/key.h"
#include "base/msgpack.h"

namespace phoenix {
namespace {

constexpr std::array<std::string_view, 3> kKindNames = {"policy", "contract", "approval"};
constexpr uint64_t kVersion = 1;

}  // namespace

std::string_view document_kind_name(DocumentKind kind) {
  return kKindNames[static_cast<size_t>(kind) - 1];
}

std::string DocumentKey::text() const {
  return std::string(document_kind_name(kind)) + "/" + ns + "/" + name;
}

std::string encode_document(const Document& document) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(9);
  out.uint(kVersion);
  out.uint(static_cast<uint64_t>(document.key.kind));
  out.str(document.key.ns);
  out.str(document.key.name);
  out.uint(document.revision);
  out.str(document.app);
  out.str(document.text);
  out.boolean(document.deleted);
  out.sint(document.changed_at);
  return bytes;
}

Result<Document> decode_document(std::string_view bytes) {
  MsgpackReader in(bytes);
  in.array_of(9);
  if (in.uint() != kVersion) in.reject();
  Document document;
  const uint64_t kind = in.uint(static_cast<uint64_t>(kLastDocumentKind));
  if (kind == 0) in.reject();
  document.key.kind = static_cast<DocumentKind>(kind);
  document.key.ns = in.str();
  document.key.name = in.str();
  document.revision = in.uint();
  document.app = in.str();
  document.text = in.str();
  document.deleted = in.boolean();
  document.changed_at = in.sint();
  if (!valid_id(document.key.ns) || !valid_id(document.key.name) || document.revision == 0 ||
      document.deleted != document.text.empty() || document.text.size() > kMaxDocumentBytes) {
    in.reject();
  }
  if (!in.at_end()) {
    return fail(ErrorKind::kInternal,
                "a stored document of " + std::to_string(bytes.size()) + " bytes is damaged");
  }
  return document;
}

}  // namespace phoenix
