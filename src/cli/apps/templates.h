// The apps that `phoenix new` makes, as files within the program. The build makes the table of what
// stands in templates/.
#pragma once

#include <string_view>
#include <vector>

namespace phoenix::apps {

struct TemplateFile {
  std::string_view app;   // "basic"
  std::string_view path;  // "agents/greeter.yaml"
  std::string_view text;  // with {{NAME}} and {{NAMESPACE}} to be filled in
};

// By app, then by path.
const std::vector<TemplateFile>& template_files();

}  // namespace phoenix::apps
