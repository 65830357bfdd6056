// Any bytes as the query of a request: percent escapes, values of every form, and the cursor of a
// list. What is escaped reads back, and a cursor that is taken is one that a list could have given.
#include "api/codec/query.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "api/routes/answers.h"
#include "base/json/fields.h"
#include "base/key.h"

namespace phoenix {
namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void read_query(std::string_view text) {
  const auto query = Query::parse(
      text, {"limit", "order", "cursor", "label...", "requires...", "status...", "namespace"});
  if (!query) return;
  json::Faults faults;
  (void)query_labels(*query, faults);
  for (const std::string& capability : query_capabilities(*query, "requires", faults)) {
    check(faults.any() || valid_name(capability));
  }
  (void)query->list("status");
  (void)query->flag("namespace", faults);
  const ListRange range = list_range(*query, faults);
  check(faults.any() || (range.limit >= 1 && range.limit <= 1000));
  if (!range.after) return;
  const auto again = Query::parse(std::string("order=") + (range.ascending ? "asc" : "desc") +
                                      "&cursor=" + encode_cursor(range.ascending, *range.after),
                                  {"order", "cursor"});
  check(again.has_value());
  json::Faults none;
  const ListRange second = list_range(*again, none);
  check(!none.any() && second.after && second.after->created_at == range.after->created_at &&
        second.after->key == range.after->key);
}

}  // namespace
}  // namespace phoenix

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto decoded = phoenix::percent_decode(text);
  if (decoded) {
    phoenix::check(phoenix::valid_utf8(*decoded));
    phoenix::check(phoenix::percent_decode(phoenix::percent_encode(*decoded)) == decoded);
  }
  phoenix::read_query(text);
  return 0;
}
