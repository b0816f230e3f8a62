# Tests of libeao as others use it.
# Its programs are linked by hand, without the sanitizers' libraries.
if(NOT EAO_SANITIZE)
  add_test(NAME link COMMAND ${PROJECT_SOURCE_DIR}/tests/link_test.sh $<TARGET_FILE:eao>
                           $<TARGET_FILE:eao_device> ${PROJECT_SOURCE_DIR} $<CONFIG>)
  set_tests_properties(link PROPERTIES SKIP_RETURN_CODE 77)
endif()
add_test(NAME cache COMMAND ${PROJECT_SOURCE_DIR}/tests/cache_test.sh $<TARGET_FILE:eao>
                            ${PROJECT_SOURCE_DIR})
set_tests_properties(cache PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME single COMMAND ${PROJECT_SOURCE_DIR}/tests/single_test.sh $<TARGET_FILE:eao>
                             ${PROJECT_SOURCE_DIR})
set_tests_properties(single PROPERTIES SKIP_RETURN_CODE 77 LABELS slow TIMEOUT 1800)
add_test(NAME install COMMAND ${PROJECT_SOURCE_DIR}/tests/install_test.sh ${PROJECT_BINARY_DIR}
                              ${PROJECT_SOURCE_DIR})
set_tests_properties(install PROPERTIES LABELS slow)
# libeao as one source file and one header.
add_custom_target(single_file COMMAND ${PROJECT_SOURCE_DIR}/tools/amalgamate
  ${PROJECT_BINARY_DIR}/single)
add_test(NAME pack COMMAND ${PROJECT_SOURCE_DIR}/tests/pack_test.sh $<TARGET_FILE:eao>
                           ${PROJECT_SOURCE_DIR})
