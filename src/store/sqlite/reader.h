// Reads beside the writer, each call on one whole batch's view.
#pragma once

#include <memory>
#include <string>

#include "store/sqlite/sqlite_store.h"
#include "store/store.h"

namespace phoenix::sqlite {

// Newest sequence that sweep() has dropped from the events, as decimal text.
inline constexpr const char* kEventsFloor = "store.events-floor";

Result<std::unique_ptr<Reader>> open_sqlite_reader(const std::string& path,
                                                   const SqliteOptions& options);

}  // namespace phoenix::sqlite
